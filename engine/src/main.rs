//! A Meilisearch-compatible node on the engine crate of Meilisearch 1.15. See README.md for what it is for.

mod api;
mod app;
mod auth;
mod decode;
mod embedders;
mod engine_error;
mod error;
mod filter;
mod flags;
mod keys;
mod payload;
mod pick;
mod queue;
mod search;
mod serve;
mod settings;
mod store;
mod token;
mod uid;

use std::process::ExitCode;

use tokio::net::TcpListener;
use tokio::signal::unix::{signal, SignalKind};
use tokio::sync::watch;

use flags::{Command, Flags};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let flags = match Flags::parse(std::env::args().skip(1), |name| std::env::var(name).ok()) {
        Ok(Command::Serve(flags)) => flags,
        Ok(Command::Version) => {
            println!("miroir-engine {}", env!("CARGO_PKG_VERSION"));
            return ExitCode::SUCCESS;
        }
        Ok(Command::Help) => {
            print!("{}", flags::HELP);
            return ExitCode::SUCCESS;
        }
        Err(complaint) => {
            eprintln!("miroir-engine: {complaint}");
            return ExitCode::from(2);
        }
    };
    match serve(&flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("miroir-engine: {err}");
            ExitCode::FAILURE
        }
    }
}

/// How long a batch is given to give up at the end.
const FAREWELL: std::time::Duration = std::time::Duration::from_secs(5);

fn serve(flags: &Flags) -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().max_blocking_threads(256).build()?;
    let (app, worker) = app::App::open(flags)?;
    let served = runtime.block_on(async {
        let listener = TcpListener::bind(&flags.http_addr).await?;
        let (stop, stopped) = watch::channel(false);
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            let _ = stop.send(true);
        });
        serve::run(std::sync::Arc::clone(&app), listener, stopped).await;
        Ok::<(), std::io::Error>(())
    });
    app.book.close();
    // A batch gives up within moments, unless it waits for a remote embedder. Whatever it has written by then is whole.
    let patience = std::time::Instant::now() + FAREWELL;
    while !worker.is_finished() && std::time::Instant::now() < patience {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    runtime.shutdown_background();
    Ok(served?)
}
