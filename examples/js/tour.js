// A tour of every public method of the official JavaScript package `meilisearch`, unchanged, against MEILI_URL.
//
// Every outcome is checked, not only that a call returns. The tour ends with a checklist: each method with the number of its
// calls and their mean time. What a cluster of Miroir refuses is listed as such, with the reason; one plain Meilisearch must
// serve it. Exit code 0 means that every method was called, and that every outcome was the expected one.
//
//     MEILI_URL=http://127.0.0.1:7700 MEILI_KEY=masterKey node tour.js

import { deepEqual as equal, ok } from "node:assert/strict";
import { Index, Meilisearch, MeilisearchApiError, MeilisearchRequestError, MeilisearchTaskTimeOutError } from "meilisearch";
import { generateTenantToken } from "meilisearch/token";

const url = process.env.MEILI_URL ?? "http://127.0.0.1:7700";
const key = process.env.MEILI_KEY ?? "masterKey";
const prefix = "tour_js_";
const client = new Meilisearch({ host: url, apiKey: key, defaultWaitOptions: { timeout: 30_000 } });

// What Miroir answers with 501, and why. A plain Meilisearch serves all of it, and the tour looks that it does.
const why = {
  network: "by decision: how nodes work together is what Miroir takes care of",
  chat: "by decision: a conversation needs the whole index in one engine",
  rules: "by decision: what a pinned place means over several shards is not defined",
  template: "by decision: belongs to the rules and embedders of one engine",
  foreign: "by decision: a foreign key would join documents of different nodes",
  payload: "by decision: the payload of a task is spread over the nodes",
};

// The ledger: every call of a public method, by name: how often, how long; and what was refused or went wrong.
const calls = new Map();
const refused = new Map();
const failures = [];
const waits = [];

function watch(name, owner) {
  for (const method of Object.getOwnPropertyNames(owner)) {
    const member = Object.getOwnPropertyDescriptor(owner, method);
    if (typeof member.value !== "function" || ["constructor", "prototype"].includes(method)) continue;
    const took = [];
    calls.set(`${name}.${method}`, took);
    owner[method] = function (...args) {
      const start = performance.now();
      const end = () => took.push(performance.now() - start);
      try {
        const result = member.value.apply(this, args);
        if (result instanceof Promise) result.then(end, end);
        else end();
        return result;
      } catch (e) {
        end();
        throw e;
      }
    };
  }
}

watch("Meilisearch", Meilisearch.prototype);
watch("Index", Index.prototype);
watch("Index", Index);
watch("TaskClient", Object.getPrototypeOf(client.tasks));
watch("BatchClient", Object.getPrototypeOf(client.batches));
watch("ChatWorkspace", Object.getPrototypeOf(client.chat("any")));
const tokens = { generateTenantToken };
watch("token", tokens);

// One part of the tour; a failure does not keep the others from running.
async function part(run) {
  const start = performance.now();
  try {
    await run();
    console.log(`passed  ${run.name}  ${((performance.now() - start) / 1000).toFixed(2)} s`);
  } catch (e) {
    failures.push(run.name);
    console.log(`FAILED  ${run.name}\n${e.stack}`);
  }
}

// Only a cluster of Miroir numbers every answer.
const miroir = (await fetch(`${url}/health`)).headers.has("x-request-id");

// Miroir must answer 501 to every probe; elsewhere the function must work.
async function refuses(reason, probes, run) {
  if (!miroir) return await run();
  for (const [name, probe] of Object.entries(probes)) {
    const e = await probe().then(() => undefined, (e) => e);
    if (e?.response?.status === 501 && e.cause?.code.startsWith("miroir_")) {
      refused.set(name, reason);
      continue;
    }
    throw e ?? new Error(`${name} is served now: take it off the list of what is refused`);
  }
}

function report() {
  console.log();
  for (const [name, took] of [...calls].sort()) {
    if (!took.length && !refused.has(name)) failures.push(`${name} was never called`);
    const mark = refused.has(name) ? "501" : took.length ? "ok" : "MISSED";
    const mean = took.reduce((a, b) => a + b, 0) / took.length;
    const note = refused.get(name) ?? (took.length ? `${String(took.length).padStart(4)} calls  ${mean.toFixed(2).padStart(8)} ms` : "");
    console.log(`${mark.padEnd(7)} ${name.padEnd(48)} ${note}`);
  }
  waits.sort((a, b) => a - b);
  console.log(`\n${waits.length} tasks were waited for: median ${waits[waits.length >> 1]} ms after their end, at most ${waits.at(-1)} ms`);
  console.log(`${calls.size} methods, ${refused.size} of them refused, ${failures.length} failures`);
  for (const f of failures) console.log(`failed: ${f}`);
  return failures.length ? 1 : 0;
}

// Waits for a task as the package does by itself, and checks how it ended.
async function done(enqueued, status = "succeeded") {
  const info = await enqueued;
  const task = await client.tasks.waitForTask(info);
  waits.push(Date.now() - Date.parse(task.finishedAt));
  equal([task.status, task.uid, task.indexUid, task.type], [status, info.taskUid, info.indexUid, info.type], JSON.stringify(task.error));
  return task;
}

async function fails(code, promise) {
  const e = await promise.then(() => undefined, (e) => e);
  ok(e instanceof MeilisearchApiError, `no answer with an error, expected ${code}: ${e}`);
  equal(e.cause.code, code);
}

const ids = (answer) => answer.hits.map((h) => h.id);
const genres = ["Drama", "Comedy", "Action", "Horror"];
const movies = Array.from({ length: 24 }, (_, k) => k + 1).map((i) => ({
  id: i,
  title: `${["Silent", "Golden", "Broken"][i % 3]} River ${i}`,
  genre: genres[i % 4],
  year: 1990 + i,
  note: `seen ${i} times`,
  _geo: { lat: 45 + i / 10, lng: 7 },
  _vectors: { own: [1, i / 24, 0] },
}));

async function server() {
  equal(await client.health(), { status: "available" });
  equal(await client.isHealthy(), true);
  const nobody = new Meilisearch({ host: "http://127.0.0.1:9" });
  equal(await nobody.isHealthy(), false);
  ok((await nobody.health().catch((e) => e)) instanceof MeilisearchRequestError);
  ok((await client.getVersion()).pkgVersion.startsWith("1."));
  await fails("invalid_api_key", new Meilisearch({ host: url, apiKey: "wrong" }).getIndexes());
  await fails("missing_authorization_header", new Meilisearch({ host: url }).getIndexes());
}

async function indexes() {
  const [books, papers] = [prefix + "books", prefix + "papers"];
  const task = await done(client.createIndex(books, { primaryKey: "isbn" }));
  equal([task.type, task.details], ["indexCreation", { primaryKey: "isbn" }]);
  equal((await done(client.createIndex(books), "failed")).error.code, "index_already_exists");
  await done(Index.create(papers, {}, { host: url, apiKey: key }));
  equal((await client.getIndex(books)).primaryKey, "isbn");
  equal((await client.getRawIndex(books)).uid, books);
  const all = await client.getIndexes({ limit: 1000 });
  equal(all.results.map((i) => i.uid).filter((u) => u.startsWith(prefix)), [books, papers]);
  const raw = await client.getRawIndexes({ limit: 1, offset: 1 });
  equal([raw.limit, raw.offset, raw.results.length, raw.total], [1, 1, 1, all.total]);
  const index = client.index(papers);
  equal((await index.getRawInfo()).primaryKey, null);
  await done(index.update({ primaryKey: "doi" }));
  equal(await index.fetchPrimaryKey(), "doi");
  ok((await index.fetchInfo()).updatedAt >= index.createdAt);
  await done(client.updateIndex(papers, { uid: prefix + "articles" }));
  await fails("index_not_found", index.getRawInfo());
  await done(client.index(books).addDocuments([{ isbn: 1, of: "books" }]));
  await done(client.index(prefix + "articles").addDocuments([{ doi: 2, of: "articles" }]));
  await done(client.swapIndexes([{ indexes: [books, prefix + "articles"] }]));
  equal((await client.index(books).getDocument(2)).of, "articles");
  await done(client.deleteIndex(books));
  equal(await client.deleteIndexIfExists(books), true); // the task that fails tells, not the answer
  await done(client.index(prefix + "articles").delete());
  equal((await done(client.deleteIndex(books), "failed")).error.code, "index_not_found");
}

async function documents() {
  const index = client.index(prefix + "documents");
  const task = await done(index.addDocuments(movies.slice(0, 4), { primaryKey: "id", customMetadata: "first" }));
  equal([task.details, task.customMetadata], [{ receivedDocuments: 4, indexedDocuments: 4 }, "first"]);
  await done(index.addDocumentsFromString(movies.slice(4, 6).map((m) => JSON.stringify(m)).join("\n"), "application/x-ndjson"));
  await done(index.addDocumentsFromString("id:number;title;year:number\n7;Seven;1997\n", "text/csv", { csvDelimiter: ";" }));
  await done(index.addDocumentsFromString('[{"id": 8, "title": "Eight"}]', "application/json"));
  const batches = index.addDocumentsInBatches(movies.slice(8), 5);
  equal((await Promise.all(batches.map((b) => done(b)))).map((t) => t.details.indexedDocuments), [5, 5, 5, 1]);
  equal((await index.getDocuments({ limit: 0 })).total, 24);
  equal(await index.getDocument(7), { id: 7, title: "Seven", year: 1997 });
  equal(Object.keys(await index.getDocument(5, { fields: ["id", "title"] })), ["id", "title"]);
  equal((await index.getDocument(1, { retrieveVectors: true }))._vectors.own, [1, 1 / 24, 0]);
  equal((await done(index.addDocuments([{ title: "no id" }]), "failed")).error.code, "missing_document_id");
  await fails("malformed_payload", index.addDocumentsFromString('{"id": 1', "application/x-ndjson"));

  await done(index.updateDocuments([{ id: 1, stars: 5 }]));
  equal([(await index.getDocument(1)).stars, (await index.getDocument(1)).title], [5, movies[0].title]);
  await done(index.updateDocumentsFromString("id:number,stars:number\n2,4\n3,3\n", "text/csv"));
  const rest = movies.slice(3).map((m) => ({ id: m.id, stars: 0 }));
  for (const b of index.updateDocumentsInBatches(rest, 10)) await done(b);
  await done(index.updateDocuments([{ id: 99, x: 1 }], { skipCreation: true }));
  await fails("document_not_found", index.getDocument(99));
  await done(index.updateSettings({ filterableAttributes: ["stars"], sortableAttributes: ["year"] }));
  const page = await index.getDocuments({ filter: "stars > 2", sort: ["year:desc"], fields: ["id", "stars"], limit: 2 });
  equal(page, { results: [{ id: 3, stars: 3 }, { id: 2, stars: 4 }], offset: 0, limit: 2, total: 3 });
  const got = await index.getDocuments({ ids: [3, 1], fields: ["id"], offset: 0, limit: 5 });
  equal([got.results.map((d) => d.id).sort(), got.total], [[1, 3], 2]);
  const stats = await index.getStats();
  equal([stats.numberOfDocuments, stats.isIndexing, stats.fieldDistribution.stars], [24, false, 24]);
  equal(Object.keys(stats.fieldDistribution).filter((f) => f.startsWith("_miroir")), []);
  equal((await index.getFields({ filter: { sortable: true } })).results.map((f) => f.name), ["year"]);
  const total = await client.getStats();
  ok(total.indexes[index.uid].numberOfDocuments === 24 && total.databaseSize > 0);

  await client.updateExperimentalFeatures({ editDocumentsByFunction: true });
  const edit = { function: "doc.stars = doc.stars + context.more", context: { more: 10 }, filter: "stars > 3" };
  equal((await done(index.updateDocumentsByFunction(edit))).details.editedDocuments, 2);
  equal(await Promise.all([1, 2, 3].map(async (i) => (await index.getDocument(i)).stars)), [15, 14, 3]);
  await client.updateExperimentalFeatures({ editDocumentsByFunction: false });

  equal((await done(index.deleteDocument(1, { customMetadata: "gone" }))).customMetadata, "gone");
  await fails("document_not_found", index.getDocument(1));
  equal((await done(index.deleteDocuments([2, 3, 98]))).details, { providedIds: 3, deletedDocuments: 2, originalFilter: null });
  const bygone = (await done(index.deleteDocuments({ filter: "stars = 0" }))).details;
  equal([bygone.deletedDocuments, bygone.originalFilter], [21, '"stars = 0"']);
  await done(index.addDocuments(movies.slice(0, 2)));
  equal((await done(index.deleteAllDocuments())).details.deletedDocuments, 2);
  equal((await index.getDocuments()).results, []);
}

// Sub-routes of settings: name of the methods, a value, the default, what reading gives back where it is not the value.
const standard = ["words", "typo", "proximity", "attributeRank", "sort", "wordPosition", "exactness"];
const typos = (o) => ({ enabled: true, minWordSizeForTypos: { oneTypo: 5, twoTypos: 9 }, disableOnWords: [], disableOnAttributes: [], disableOnNumbers: false, ...o });
const subsettings = [
  ["Pagination", { maxTotalHits: 50 }, { maxTotalHits: 1000 }],
  ["Synonyms", { river: ["stream"] }, {}],
  ["StopWords", ["a", "the"], []],
  ["RankingRules", ["sort", "words"], standard],
  ["DistinctAttribute", "genre", null],
  ["FilterableAttributes", ["genre", { attributePatterns: ["y*"], features: { facetSearch: false, filter: { equality: true, comparison: true } } }], []],
  ["SortableAttributes", ["title", "year"], []],
  ["SearchableAttributes", ["title", "note"], ["*"]],
  ["DisplayedAttributes", ["id", "title"], ["*"]],
  ["TypoTolerance", { disableOnWords: ["river"], disableOnNumbers: true }, typos({}), typos({ disableOnWords: ["river"], disableOnNumbers: true })],
  ["Faceting", { maxValuesPerFacet: 7, sortFacetValuesBy: { genre: "count" } }, { maxValuesPerFacet: 100, sortFacetValuesBy: { "*": "alpha" } },
    { maxValuesPerFacet: 7, sortFacetValuesBy: { "*": "alpha", genre: "count" } }],
  ["SeparatorTokens", ["&sep"], []],
  ["NonSeparatorTokens", ["@"], []],
  ["Dictionary", ["J. R. R."], []],
  ["ProximityPrecision", "byAttribute", "byWord"],
  ["Embedders", { own: { source: "userProvided", dimensions: 3 } }, {}],
  ["SearchCutoffMs", 150, null],
  ["LocalizedAttributes", [{ attributePatterns: ["title"], locales: ["eng"] }], null],
  ["FacetSearch", false, true],
  ["PrefixSearch", "disabled", "indexingTime"],
];

async function settings() {
  const index = client.index(prefix + "settings");
  await done(client.createIndex(index.uid, { primaryKey: "id" }));
  const empty = await index.getSettings();
  for (const [name, value, normal, back = value] of subsettings) {
    equal(await index[`get${name}`](), normal, name);
    await done(index[`update${name}`](value));
    equal(await index[`get${name}`](), back, name);
  }
  const whole = await index.getSettings();
  equal([whole.searchableAttributes, whole.searchCutoffMs, whole.prefixSearch], [["title", "note"], 150, "disabled"]);
  for (const [name, , normal] of subsettings) {
    await done(index[`reset${name}`]());
    equal(await index[`get${name}`](), normal, name);
  }
  equal(await index.getSettings(), empty);
  await done(index.updateSettings({ stopWords: ["of"], rankingRules: ["words", "year:desc"] }));
  equal(await index.getSettings(), { ...empty, stopWords: ["of"], rankingRules: ["words", "year:desc"] });
  await fails("invalid_settings_ranking_rules", index.updateSettings({ rankingRules: ["nonsense"] }));
  await done(index.resetSettings());
  equal(await index.getSettings(), empty);

  const keys = [{ foreignIndexUid: prefix + "search", fieldName: "movie" }];
  await client.updateExperimentalFeatures({ foreignKeys: true });
  equal(await index.getForeignKeys(), []);
  await refuses(why.foreign, { "Index.updateForeignKeys": () => index.updateForeignKeys(keys) }, async function foreign() {
    await done(index.updateForeignKeys(keys));
    equal(await index.getForeignKeys(), keys);
  });
  await done(index.resetForeignKeys());
  equal(await index.getForeignKeys(), []);
  await client.updateExperimentalFeatures({ foreignKeys: false, chatCompletions: true });
  await done(index.updateChat({ description: "of the tour" }));
  equal((await index.getChat()).description, "of the tour");
  await client.updateExperimentalFeatures({ chatCompletions: false });
  equal((await done(index.compact())).type, "indexCompaction");
}

async function searches() {
  const index = client.index(prefix + "search");
  await done(client.createIndex(index.uid, { primaryKey: "id" }));
  await done(index.updateSettings({
    filterableAttributes: ["genre", "year", "_geo"], sortableAttributes: ["year", "_geo"], searchableAttributes: ["title", "note"],
    embedders: { own: { source: "userProvided", dimensions: 3 } },
  }));
  await done(index.addDocuments(movies));
  equal(ids(await index.search("golden river 7", { matchingStrategy: "all" })), [7]);
  equal((await index.search()).estimatedTotalHits, 24);
  const asked = { filter: "genre = Drama AND year > 2000", sort: ["year:desc"], limit: 2, attributesToRetrieve: ["id", "year"] };
  equal((await index.search("", asked)).hits, [{ id: 24, year: 2014 }, { id: 20, year: 2010 }]);
  equal((await index.searchGet("", asked)).hits, [{ id: 24, year: 2014 }, { id: 20, year: 2010 }]);
  const page = await index.search("river", { page: 2, hitsPerPage: 5, sort: ["year:asc"] });
  equal([ids(page), page.totalHits, page.totalPages, page.page], [[6, 7, 8, 9, 10], 24, 5, 2]);
  const faceted = await index.search("", { facets: ["genre", "year"] });
  equal(faceted.facetDistribution.genre, { Action: 6, Comedy: 6, Drama: 6, Horror: 6 });
  equal(faceted.facetStats.year, { min: 1991, max: 2014 });
  const { hits: [hit] } = await index.search("golden", {
    limit: 1, attributesToRetrieve: ["id"], attributesToHighlight: ["title"], showMatchesPosition: true, showRankingScore: true, showRankingScoreDetails: true,
  });
  equal(Object.keys(hit).sort(), ["_formatted", "_matchesPosition", "_rankingScore", "_rankingScoreDetails", "id"]);
  ok(hit._formatted.title.startsWith("<em>Golden</em>"));
  const near = await index.search("", { sort: ["_geoPoint(45.5, 7):asc"], limit: 3 });
  equal([near.hits[0].id, near.hits[0]._geoDistance], [5, 0]);
  equal((await index.search("", { distinct: "genre" })).hits.length, 4);
  const vector = await index.search("", { vector: [1, 1, 0], hybrid: { embedder: "own", semanticRatio: 1 }, limit: 3 });
  equal([ids(vector), vector.semanticHitCount], [[24, 23, 22], 3]);
  equal(ids(await index.searchSimilarDocuments({ id: 12, embedder: "own", limit: 2 })).sort(), [11, 13]);
  equal((await index.searchForFacetValues({ facetName: "genre", facetQuery: "dr" })).facetHits, [{ value: "Drama", count: 6 }]);
  await fails("invalid_search_filter", index.search("", { filter: "title = x" }));
  await fails("index_not_found", client.index(prefix + "nowhere").search());

  const two = await client.multiSearch({ queries: [
    { indexUid: index.uid, q: "golden", limit: 2 }, { indexUid: index.uid, q: "silent", filter: "year < 1995" },
  ] });
  equal([two.results[0].hits.length, ids(two.results[1])], [2, [3]]);
  const one = await client.multiSearch({ federation: { limit: 5, facetsByIndex: { [index.uid]: ["genre"] } }, queries: [
    { indexUid: index.uid, q: "golden river 7", matchingStrategy: "all" }, { indexUid: index.uid, q: "silent river 9", matchingStrategy: "all" },
  ] });
  equal([ids(one).sort(), one.hits[0]._federation.indexUid], [[7, 9], index.uid]);
  equal(one.facetsByIndex[index.uid].distribution.genre, { Comedy: 1, Horror: 1 });
}

async function keys() {
  const uid = prefix + "search";
  const made = await client.createKey({ name: "tour", description: "of the tour", actions: ["search", "documents.*"], indexes: [prefix + "*"], expiresAt: new Date("2099-01-01") });
  equal([made.name, made.actions, made.indexes, new Date(made.expiresAt).getUTCFullYear()], ["tour", ["search", "documents.*"], [prefix + "*"], 2099]);
  equal((await client.getKey(made.key)).uid, made.uid);
  const all = await client.getKeys({ limit: 1000 });
  ok(all.results.some((k) => k.uid === made.uid) && all.total === all.results.length);
  equal((await client.updateKey(made.uid, { name: "renamed" })).name, "renamed");
  await fails("immutable_api_key_actions", client.updateKey(made.uid, { actions: ["*"] }));
  const limited = new Meilisearch({ host: url, apiKey: made.key });
  ok((await limited.index(uid).search("golden")).hits.length > 0);
  await fails("invalid_api_key", limited.getStats());
  await fails("invalid_api_key", limited.index("other").search());
  const token = await tokens.generateTenantToken({
    apiKey: made.key, apiKeyUid: made.uid, searchRules: { [uid]: { filter: "genre = Drama" } }, expiresAt: new Date(Date.now() + 3_600_000), algorithm: "HS512",
  });
  const tenant = new Meilisearch({ host: url, apiKey: token }).index(uid);
  equal([...new Set((await tenant.search("")).hits.map((h) => h.genre))], ["Drama"]);
  await fails("invalid_api_key", tenant.getDocuments());
  await client.deleteKey(made.uid);
  await fails("api_key_not_found", client.getKey(made.uid));
  await fails("invalid_api_key", tenant.search(""));
}

async function tasks() {
  const index = client.index(`${prefix}tasks_${process.pid}`); // tasks outlive their index, and those of an earlier tour would be found
  const infos = [];
  for (let i = 0; i < 3; i++) infos.push(await index.addDocuments([{ id: i }]));
  equal((await client.tasks.waitForTasks(infos)).map((t) => t.status), ["succeeded", "succeeded", "succeeded"]);
  for await (const t of client.tasks.waitForTasksIter(infos)) equal(t.status, "succeeded");
  equal((await index.addDocuments([{ id: 0 }]).waitTask()).status, "succeeded");
  const found = await client.tasks.getTasks({ indexUids: [index.uid], types: ["documentAdditionOrUpdate"], statuses: ["succeeded"], reverse: true });
  equal([found.results.slice(0, 3).map((t) => t.uid), found.total], [infos.map((i) => i.taskUid), 4]);
  const page = await client.tasks.getTasks({ indexUids: [index.uid], limit: 2 });
  equal([page.results.length, page.next], [2, infos[1].taskUid]);
  equal((await client.tasks.getTask(infos[0].taskUid)).details, { receivedDocuments: 1, indexedDocuments: 1 });
  await fails("task_not_found", client.tasks.getTask(4_000_000_000));
  await refuses(why.payload, { "TaskClient.getTaskDocuments": () => client.tasks.getTaskDocuments(infos[0].taskUid) }, async function payload() {
    await client.updateExperimentalFeatures({ getTaskDocumentsRoute: true });
    await fails("task_file_not_found", client.tasks.getTaskDocuments(infos[0].taskUid)); // it has been indexed
    await client.updateExperimentalFeatures({ getTaskDocumentsRoute: false });
  });
  const late = await client.tasks.waitForTask(client.index(index.uid).addDocuments(movies), { timeout: 1 }).catch((e) => e);
  ok(late instanceof MeilisearchTaskTimeOutError, `${late}`);
  const batches = await client.batches.getBatches({ indexUids: [index.uid] });
  ok(batches.total >= 1 && batches.results.every((b) => b.stats.indexUids[index.uid]));
  equal((await client.batches.getBatch(batches.results[0].uid)).uid, batches.results[0].uid);
  const canceled = await client.tasks.cancelTasks({ uids: [infos[0].taskUid] }).waitTask();
  equal([canceled.type, canceled.details.matchedTasks, canceled.details.canceledTasks], ["taskCancelation", 1, 0]);
  await fails("missing_task_filters", client.tasks.cancelTasks({}));
  const deleted = await client.tasks.deleteTasks({ uids: infos.map((i) => i.taskUid), statuses: ["succeeded"] }).waitTask();
  equal([deleted.type, deleted.details.deletedTasks], ["taskDeletion", 3]);
  await fails("task_not_found", client.tasks.getTask(infos[0].taskUid));
}

async function webhooks() {
  const made = await client.createWebhook({ url: "https://example.com/hook", headers: { "x-tour": "1" } });
  equal([made.url, made.headers, made.isEditable], ["https://example.com/hook", { "x-tour": "1" }, true]);
  ok((await client.getWebhooks()).results.some((w) => w.uuid === made.uuid));
  equal((await client.getWebhook(made.uuid)).url, made.url);
  equal((await client.updateWebhook(made.uuid, { headers: { "x-tour": null, "x-new": "2" } })).headers, { "x-new": "2" });
  await client.deleteWebhook(made.uuid);
  await fails("webhook_not_found", client.getWebhook(made.uuid));
  await fails("invalid_webhook_url", client.createWebhook({ url: "no url" }));
}

async function features() {
  const was = await client.getExperimentalFeatures();
  ok("metrics" in was && Object.values(was).every((v) => typeof v === "boolean"));
  const index = client.index(prefix + "search");
  await fails("feature_not_enabled", index.search("", { filter: "genre CONTAINS ra" }));
  equal(await client.updateExperimentalFeatures({ containsFilter: true }), { ...was, containsFilter: true });
  equal((await index.search("", { filter: "genre CONTAINS ra" })).estimatedTotalHits, 6);
  equal(await client.updateExperimentalFeatures({ containsFilter: was.containsFilter }), was);
}

async function copies() {
  ok((await done(client.createDump())).details.dumpUid);
  equal((await done(client.createSnapshot())).type, "snapshotCreation");
}

async function oneEngine() {
  const remote = { url: "http://127.0.0.1:9" };
  const leading = {
    "Meilisearch.initializeNetwork": () => client.initializeNetwork({ self: "a", remotes: { a: remote }, shards: { one: { remotes: ["a"] } } }),
    "Meilisearch.addRemote": () => client.addRemote({ name: "b", remote }),
    "Meilisearch.removeRemote": () => client.removeRemote({ name: "b" }),
    "Meilisearch.addRemotesToShard": () => client.addRemotesToShard("one", ["b"]),
    "Meilisearch.removeRemotesFromShard": () => client.removeRemotesFromShard("one", ["b"]),
  };
  await refuses(why.network, {
    "Meilisearch.getNetwork": () => client.getNetwork(), "Meilisearch.updateNetwork": () => client.updateNetwork({ self: "a" }), ...leading,
  }, async function network() {
    await client.updateExperimentalFeatures({ network: true });
    equal(Object.keys((await client.updateNetwork({ self: "a", remotes: { a: remote } })).remotes), ["a"]);
    equal((await client.getNetwork()).self, "a");
    await fails("requires_enterprise_edition", leading["Meilisearch.initializeNetwork"]());
    await leading["Meilisearch.addRemote"]();
    equal(Object.keys((await client.getNetwork()).remotes), ["a", "b"]);
    for (const name of ["addRemotesToShard", "removeRemotesFromShard"]) {
      const e = await leading[`Meilisearch.${name}`]().then(() => undefined, (e) => e);
      ok(e === undefined || e instanceof MeilisearchApiError, `${name}: ${e}`); // an enterprise feature
    }
    await leading["Meilisearch.removeRemote"]();
    await client.updateNetwork({ self: null, remotes: { a: null }, shards: null });
    await client.updateExperimentalFeatures({ network: false });
  });

  const workspace = client.chat("tour");
  const hello = { model: "none", stream: true, messages: [{ role: "user", content: "hello" }] };
  const index = client.index(prefix + "settings");
  await refuses(why.chat, {
    "Meilisearch.getChatWorkspaces": () => client.getChatWorkspaces(), "Meilisearch.getChatWorkspace": () => client.getChatWorkspace("tour"),
    "Meilisearch.deleteChatWorkspace": () => client.deleteChatWorkspace("tour"), "ChatWorkspace.get": () => workspace.get(),
    "ChatWorkspace.update": () => workspace.update({ source: "openAi" }), "ChatWorkspace.reset": () => workspace.reset(),
    "ChatWorkspace.streamCompletion": () => workspace.streamCompletion(hello),
  }, async function chat() {
    await client.updateExperimentalFeatures({ chatCompletions: true });
    equal((await workspace.update({ source: "openAi", apiKey: "secret", baseUrl: "http://127.0.0.1:9" })).apiKey, "XXX...");
    equal((await workspace.get()).source, "openAi");
    equal(await client.getChatWorkspace("tour"), { uid: "tour" });
    ok((await client.getChatWorkspaces()).results.some((w) => w.uid === "tour"));
    ok((await new Response(await workspace.streamCompletion(hello)).text()).includes('"type":"error"')); // there is nobody at that address
    await workspace.reset();
    await client.deleteChatWorkspace("tour");
    await client.updateExperimentalFeatures({ chatCompletions: false });
  });

  const rule = { description: "of the tour", active: false, conditions: {}, actions: [] };
  await refuses(why.rules, {
    "Meilisearch.getDynamicSearchRules": () => client.getDynamicSearchRules(), "Meilisearch.getDynamicSearchRule": () => client.getDynamicSearchRule("tour"),
    "Meilisearch.updateDynamicSearchRule": () => client.updateDynamicSearchRule("tour", rule),
    "Meilisearch.deleteDynamicSearchRule": () => client.deleteDynamicSearchRule("tour"),
    "Meilisearch.deleteAllDynamicSearchRules": () => client.deleteAllDynamicSearchRules(),
  }, async function rules() {
    await client.updateExperimentalFeatures({ dynamicSearchRules: true });
    await done(client.updateDynamicSearchRule("tour", rule));
    equal((await client.getDynamicSearchRule("tour")).description, "of the tour");
    equal((await client.getDynamicSearchRules()).results.map((r) => r.uid), ["tour"]);
    await done(client.deleteDynamicSearchRule("tour"));
    await done(client.deleteAllDynamicSearchRules());
    equal((await client.getDynamicSearchRules()).total, 0);
    await client.updateExperimentalFeatures({ dynamicSearchRules: false });
  });

  const asked = { template: { kind: "inlineDocumentTemplate", inline: "{{ doc.title }}!" }, input: { kind: "inlineDocument", inline: { title: "Jaws" } } };
  await refuses(why.template, { "Meilisearch.renderTemplate": () => client.renderTemplate(asked) }, async function template() {
    await client.updateExperimentalFeatures({ renderRoute: true });
    equal((await client.renderTemplate(asked)).rendered, "Jaws!");
    await client.updateExperimentalFeatures({ renderRoute: false });
  });
}

async function tidy() {
  for (const { uid } of (await client.getRawIndexes({ limit: 1000 })).results) {
    if (uid.startsWith(prefix)) await done(client.deleteIndex(uid));
  }
}

for (const run of [tidy, server, indexes, documents, settings, searches, keys, tasks, webhooks, features, copies, oneEngine, tidy]) await part(run);
process.exit(report());
