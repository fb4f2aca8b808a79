#!/usr/bin/env python3
"""A tour of every public method of the official Python package `meilisearch`, unchanged, against MEILI_URL.

Every outcome is checked, not only that a call returns. The tour ends with a checklist: each method of Client and Index with
the number of its calls and their mean time. What a cluster of Miroir refuses is listed as such, with the reason; one plain
Meilisearch must serve it. Exit code 0 means that every method was called, and that every outcome was the expected one.

    MEILI_URL=http://127.0.0.1:7700 MEILI_KEY=masterKey python3 tour.py
"""

import datetime
import inspect
import os
import sys
import time
import traceback

from meilisearch import Client
from meilisearch.errors import MeilisearchApiError, MeilisearchTimeoutError
from meilisearch.index import Index
from meilisearch.models.index import PrefixSearch, ProximityPrecision

URL = os.environ.get("MEILI_URL", "http://127.0.0.1:7700")
KEY = os.environ.get("MEILI_KEY", "masterKey")
PREFIX = "tour_python_"
PATIENCE_MS = 30_000

# What Miroir answers with 501, and why. A plain Meilisearch serves all of it, and the tour looks that it does.
NETWORK = "by decision: how nodes work together is what Miroir takes care of"
EXPORT = "by decision: an export of a cluster needs a job of its own; a dump does the same"
CHAT = "by decision: a conversation needs the whole index in one engine"
RULES = "by decision: what a pinned place means over several shards is not defined"
TEMPLATE = "by decision: belongs to the rules and embedders of one engine"
FOREIGN = "by decision: a foreign key would join documents of different nodes"


class Ledger:
    """Every call of a public method, by name: how often, how long; and what was refused or went wrong."""

    def __init__(self):
        self.calls, self.refused, self.failures, self.waits = {}, {}, [], []

    def watch(self, cls):
        for name, member in inspect.getmembers(cls, inspect.isfunction):
            if not name.startswith("_"):
                static = isinstance(inspect.getattr_static(cls, name), staticmethod)
                timed = self.timed(f"{cls.__name__}.{name}", member)
                setattr(cls, name, staticmethod(timed) if static else timed)

    def timed(self, name, function):
        self.calls[name] = []

        def call(*args, **kwargs):
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self.calls[name].append(time.perf_counter() - start)

        return call

    def part(self, function, *args):
        """Runs one part of the tour; a failure does not keep the others from running."""
        start = time.perf_counter()
        try:
            function(*args)
            print(f"passed  {function.__name__}  {time.perf_counter() - start:.2f} s", flush=True)
        except Exception as e:  # whatever it is, the tour tells and goes on
            self.failures.append(function.__name__)
            where = [f"line {f.lineno}: {f.line}" for f in traceback.extract_tb(sys.exc_info()[2]) if f.filename == __file__]
            print(f"FAILED  {function.__name__}", *where[1:], f"{type(e).__name__}: {e}", sep="\n        ", flush=True)

    def refuses(self, reason, probes, function):
        """Miroir must answer 501 to every probe; elsewhere the function must work."""
        if not miroir():
            function()
            return
        for name, probe in probes.items():
            try:
                probe()
            except MeilisearchApiError as e:
                assert e.status_code == 501 and e.code.startswith("miroir_"), f"{name}: not 501 but {e}"
                self.refused[name] = reason
                continue
            raise AssertionError(f"{name} is served now: take it off the list of what is refused")

    def report(self):
        print()
        for name, took in sorted(self.calls.items()):
            if not took and name not in self.refused:
                self.failures.append(name + " was never called")
            mark = "501" if name in self.refused else "ok" if took else "MISSED"
            note = self.refused.get(name) or (f"{len(took):4d} calls  {1000 * sum(took) / len(took):8.2f} ms" if took else "")
            print(f"{mark:7s} {name:48s} {note}")
        waits = sorted(1000 * w for w in self.waits) or [0]
        print(f"\n{len(waits)} tasks were waited for: median {waits[len(waits) // 2]:.0f} ms after their end, at most {waits[-1]:.0f} ms")
        print(f"{len(self.calls)} methods, {len(self.refused)} of them refused, {len(self.failures)} failures")
        for f in self.failures:
            print("failed:", f)
        return 1 if self.failures else 0


def miroir():
    """Whether a cluster of Miroir answers: it alone numbers every answer."""
    if miroir.known is None:
        import requests

        miroir.known = "x-request-id" in requests.get(URL + "/health", timeout=10).headers
    return miroir.known


miroir.known = None
ledger = Ledger()
for watched in (Client, Index):
    ledger.watch(watched)
client = Client(URL, KEY)


def movies(n=24):
    genres = ["Drama", "Comedy", "Action", "Horror"]
    return [
        {
            "id": i,
            "title": f"{['Silent', 'Golden', 'Broken'][i % 3]} River {i}",
            "genre": genres[i % 4],
            "year": 1990 + i,
            "note": f"seen {i} times",
            "_geo": {"lat": 45 + i / 10, "lng": 7.0},
            "_vectors": {"own": [1.0, i / n, 0.0]},
        }
        for i in range(1, n + 1)
    ]


def done(info, status="succeeded"):
    """Waits for a task with the package's own interval, and checks how it ended."""
    task = client.wait_for_task(info.task_uid, PATIENCE_MS)
    ledger.waits.append((datetime.datetime.now(tz=datetime.timezone.utc) - task.finished_at.replace(tzinfo=datetime.timezone.utc)).total_seconds())
    assert task.status == status, f"{task.type}: {task.status} {task.error}"
    assert task.uid == info.task_uid and task.index_uid == info.index_uid and task.type == info.type, f"{task} {info}"
    return task


def equal(got, want):
    assert got == want, f"got {got!r}, want {want!r}"


def fails(code, function, *args, **kwargs):
    try:
        function(*args, **kwargs)
    except MeilisearchApiError as e:
        equal(e.code, code)
        return e
    raise AssertionError(f"no error, expected {code}")


def plain(model):
    """The members that are set, of a model and of all in it."""
    if hasattr(model, "model_dump"):
        return plain(model.model_dump())
    if isinstance(model, dict):
        return {k: plain(v) for k, v in model.items() if v is not None}
    if isinstance(model, list):
        return [plain(m) for m in model]
    return model


def server():
    equal(client.health(), {"status": "available"})
    assert client.is_healthy()
    assert not Client("http://127.0.0.1:9", timeout=1).is_healthy()
    assert client.get_version()["pkgVersion"].startswith("1.")
    equal(client.version(), client.get_version())
    fails("invalid_api_key", Client(URL, "wrong").get_indexes)


def indexes():
    uid = PREFIX + "books"
    task = done(client.create_index(uid, {"primaryKey": "isbn"}))
    equal((task.type, task.details), ("indexCreation", {"primaryKey": "isbn"}))
    equal(done(client.create_index(uid), "failed").error["code"], "index_already_exists")
    done(Index.create(client.config, PREFIX + "papers"))
    equal(client.get_index(uid).primary_key, "isbn")
    equal(client.get_raw_index(uid)["uid"], uid)
    names = [i.uid for i in client.get_indexes({"limit": 1000})["results"]]
    equal([n for n in names if n.startswith(PREFIX)], [uid, PREFIX + "papers"])
    raw = client.get_raw_indexes({"limit": 1, "offset": 1})
    assert raw["limit"] == 1 and raw["offset"] == 1 and raw["total"] >= 2 and len(raw["results"]) == 1
    papers = client.index(PREFIX + "papers")
    equal(papers.get_primary_key(), None)
    done(papers.update(primary_key="doi"))
    equal(papers.get_primary_key(), "doi")
    info = papers.fetch_info()
    assert isinstance(info.created_at, datetime.datetime) and info.updated_at >= info.created_at
    done(papers.update(new_uid=PREFIX + "articles"))
    fails("index_not_found", papers.fetch_info)
    equal(client.index(PREFIX + "articles").get_primary_key(), "doi")
    done(client.index(uid).add_documents([{"isbn": 1, "of": "books"}]))
    done(client.index(PREFIX + "articles").add_documents([{"doi": 2, "of": "articles"}]))
    done(client.swap_indexes([{"indexes": [uid, PREFIX + "articles"]}]))
    equal(client.index(uid).get_document(2).of, "articles")
    equal(client.index(PREFIX + "articles").get_document(1).of, "books")
    done(client.delete_index(uid))
    done(client.index(PREFIX + "articles").delete())
    equal(done(client.delete_index(uid), "failed").error["code"], "index_not_found")


def documents():
    uid = PREFIX + "documents"
    index, all_ = client.index(uid), movies()
    lines = "\n".join(__import__("json").dumps(m) for m in all_[4:6])
    task = done(index.add_documents(all_[:2], "id", metadata="first"))
    equal((task.details["receivedDocuments"], task.details["indexedDocuments"], task.custom_metadata), (2, 2, "first"))
    done(index.add_documents_json(__import__("json").dumps(all_[2:4]).encode()))
    done(index.add_documents_ndjson(lines.encode()))
    done(index.add_documents_csv(b"id:number;title;year:number\n7;Seven;1997\n", csv_delimiter=";"))
    done(index.add_documents_raw(b'{"id": 8, "title": "Eight"}', content_type="application/x-ndjson"))
    tasks = index.add_documents_in_batches(all_[8:], batch_size=5)
    equal([done(t).details["indexedDocuments"] for t in tasks], [5, 5, 5, 1])
    equal(index.get_documents({"limit": 0}).total, 24)
    equal((index.get_document(7).title, index.get_document(7).year), ("Seven", 1997))
    equal(set(dict(index.get_document(5, {"fields": ["id", "title"]}))), {"id", "title"})
    equal(vars(index.get_document(1, {"retrieveVectors": "true"}))["_vectors"]["own"], [1.0, 1 / 24, 0.0])
    equal(done(index.add_documents([{"title": "no id"}]), "failed").error["code"], "missing_document_id")
    equal(done(index.add_documents([{"id": "a b"}]), "failed").error["code"], "invalid_document_id")
    fails("malformed_payload", index.add_documents_ndjson, b'{"id": 1')

    done(index.update_documents([{"id": 1, "stars": 5}]))
    equal((index.get_document(1).stars, index.get_document(1).title), (5, all_[0]["title"]))
    done(index.update_documents_json(b'[{"id": 2, "stars": 4}]'))
    done(index.update_documents_ndjson(b'{"id": 3, "stars": 3}'))
    done(index.update_documents_csv(b"id:number|stars:number\n4|2\n", csv_delimiter="|"))
    done(index.update_documents_raw(b"id:number,stars:number\n5,1\n", content_type="text/csv"))
    for t in index.update_documents_in_batches([{"id": i, "stars": 0} for i in range(6, 25)], batch_size=10):
        done(t)
    equal([index.get_document(i).stars for i in range(1, 8)], [5, 4, 3, 2, 1, 0, 0])
    done(index.update_documents([{"id": 99, "x": 1}], skip_creation=True))
    fails("document_not_found", index.get_document, 99)

    done(index.update_filterable_attributes(["stars", "genre", "year"]))
    done(index.update_sortable_attributes(["year"]))
    page = index.get_documents({"filter": "stars > 2", "sort": "year:desc", "fields": ["id"], "limit": 2})
    equal(([vars(d) for d in page.results], page.total, page.limit), ([{"id": 3}, {"id": 2}], 3, 2))
    listed = index.get_documents({"ids": ["3", "1"]})
    equal((sorted(d.id for d in listed.results), listed.total), ([1, 3], 2))
    stats = index.get_stats()
    equal((stats.number_of_documents, stats.is_indexing, stats.field_distribution.stars), (24, False, 24))
    assert all(not name.startswith("_miroir") for name, _ in stats.field_distribution)
    fields = index.get_fields(limit=3, offset=0)
    equal((len(fields.results), fields.limit), (3, 3))
    equal([f["name"] for f in index.get_fields(filter={"sortable": True}).results], ["year"])
    totals = client.get_all_stats(show_internal_database_sizes=False, size_format="raw")
    assert totals["indexes"][uid]["numberOfDocuments"] == 24 and totals["databaseSize"] > 0

    was = client.get_experimental_features()
    equal(client.update_experimental_features({"editDocumentsByFunction": True})["editDocumentsByFunction"], True)
    edit = {"function": "doc.stars = doc.stars + context.more", "context": {"more": 10}, "filter": "stars > 3"}
    info = client.update_documents_by_function(uid, edit)
    task = client.wait_for_task(info["taskUid"], PATIENCE_MS, 20)
    equal((task.status, task.type, task.details["editedDocuments"]), ("succeeded", "documentEdition", 2))
    equal([index.get_document(i).stars for i in (1, 2, 3)], [15, 14, 3])
    client.update_experimental_features({"editDocumentsByFunction": was["editDocumentsByFunction"]})

    done(index.delete_document(1, metadata="gone"))
    fails("document_not_found", index.get_document, 1)
    equal(done(index.delete_documents(["2", "3", "98"])).details, {"providedIds": 3, "originalFilter": None, "deletedDocuments": 2})
    equal(done(index.delete_documents(filter="stars = 0")).details["deletedDocuments"], 19)
    equal(index.get_documents().total, 2)
    equal(done(index.delete_all_documents()).details["deletedDocuments"], 2)
    equal(index.get_stats().number_of_documents, 0)


# Sub-routes of settings: name of the methods, a value, what reading gives back, the default.
SETTINGS = [
    ("ranking_rules", ["sort", "words", "typo"], None, ["words", "typo", "proximity", "attributeRank", "sort", "wordPosition", "exactness"]),
    ("distinct_attribute", "genre", None, None),
    ("searchable_attributes", ["title", "note"], None, ["*"]),
    ("displayed_attributes", ["id", "title"], None, ["*"]),
    ("stop_words", ["a", "the"], None, []),
    ("synonyms", {"river": ["stream"], "stream": ["river"]}, None, {}),
    ("filterable_attributes", ["genre", "year"], None, []),
    ("sortable_attributes", ["title", "year"], None, []),
    ("typo_tolerance", {"enabled": True, "minWordSizeForTypos": {"oneTypo": 4, "twoTypos": 8}, "disableOnWords": ["river"]},
     {"enabled": True, "disable_on_numbers": False, "disable_on_attributes": [], "disable_on_words": ["river"], "min_word_size_for_typos": {"one_typo": 4, "two_typos": 8}},
     {"enabled": True, "disable_on_numbers": False, "disable_on_attributes": [], "disable_on_words": [], "min_word_size_for_typos": {"one_typo": 5, "two_typos": 9}}),
    ("pagination_settings", {"maxTotalHits": 50}, {"max_total_hits": 50}, {"max_total_hits": 1000}),
    ("facet_search_settings", False, None, True),
    ("faceting_settings", {"maxValuesPerFacet": 7, "sortFacetValuesBy": {"genre": "count"}},
     {"max_values_per_facet": 7, "sort_facet_values_by": {"*": "alpha", "genre": "count"}}, {"max_values_per_facet": 100, "sort_facet_values_by": {"*": "alpha"}}),
    ("dictionary", ["J. R. R."], None, []),
    ("separator_tokens", ["&sep"], None, []),
    ("non_separator_tokens", ["@"], None, []),
    ("embedders", {"own": {"source": "userProvided", "dimensions": 3}},
     {"embedders": {"own": {"source": "userProvided", "dimensions": 3}}}, None),
    ("search_cutoff_ms", 150, None, None),
    ("prefix_search", PrefixSearch.DISABLED, None, PrefixSearch.INDEXING_TIME),
    ("proximity_precision", ProximityPrecision.BY_ATTRIBUTE, None, ProximityPrecision.BY_WORD),
    ("localized_attributes", [{"attributePatterns": ["title"], "locales": ["eng"]}], [{"attribute_patterns": ["title"], "locales": ["eng"]}], None),
]


def settings():
    index = client.index(PREFIX + "settings")
    done(client.create_index(index.uid, {"primaryKey": "id"}))
    empty = index.get_settings()
    for name, value, back, default in SETTINGS:
        read = getattr(index, "get_" + name)
        equal(plain(read()), default)
        done(getattr(index, "update_" + name)(value))
        equal(plain(read()), value if back is None else back)
    whole = index.get_settings()
    equal((whole["searchableAttributes"], whole["pagination"], whole["prefixSearch"]), (["title", "note"], {"maxTotalHits": 50}, "disabled"))
    for name, _, _, default in SETTINGS:
        done(getattr(index, "reset_" + name)())
        equal(plain(getattr(index, "get_" + name)()), default)
    equal(index.get_settings(), empty)
    change = {"stopWords": ["of"], "rankingRules": ["words", "year:desc"], "embedders": {"e": {"source": "userProvided", "dimensions": 2}}}
    done(index.update_settings(change))
    after = index.get_settings()
    equal((after["stopWords"], after["rankingRules"], after["embedders"]["e"].dimensions), (["of"], ["words", "year:desc"], 2))
    fails("invalid_settings_ranking_rules", index.update_settings, {"rankingRules": ["nonsense"]})
    done(index.reset_settings())
    equal(index.get_settings(), empty)

    keys = [{"foreignIndexUid": PREFIX + "search", "fieldName": "movie"}]

    def foreign():
        done(index.update_foreign_keys(keys))
        equal(index.get_foreign_keys(), keys)

    client.update_experimental_features({"foreignKeys": True})
    equal(index.get_foreign_keys(), [])
    ledger.refuses(FOREIGN, {"Index.update_foreign_keys": lambda: index.update_foreign_keys(keys)}, foreign)
    done(index.reset_foreign_keys())
    equal(index.get_foreign_keys(), [])
    client.update_experimental_features({"foreignKeys": False})
    equal(done(index.compact()).type, "indexCompaction")


def searches():
    uid = PREFIX + "search"
    index = client.index(uid)
    done(client.create_index(uid, {"primaryKey": "id"}))
    done(index.update_settings({
        "filterableAttributes": ["genre", "year", "_geo"], "sortableAttributes": ["year", "_geo"], "searchableAttributes": ["title", "note"],
        "embedders": {"own": {"source": "userProvided", "dimensions": 3}},
    }))
    done(index.add_documents(movies()))
    ids = lambda answer: [h["id"] for h in answer["hits"]]  # noqa: E731
    equal(ids(index.search("golden river 7", {"matchingStrategy": "all"})), [7])
    equal(index.search("")["estimatedTotalHits"], 24)
    equal(ids(index.search("", {"filter": "genre = Drama AND year > 2000", "sort": ["year:desc"], "limit": 2})), [24, 20])
    page = index.search("river", {"page": 2, "hitsPerPage": 5, "sort": ["year:asc"]})
    equal((ids(page), page["totalHits"], page["totalPages"], page["page"]), ([6, 7, 8, 9, 10], 24, 5, 2))
    facets = index.search("", {"facets": ["genre", "year"]})
    equal(facets["facetDistribution"]["genre"], {"Action": 6, "Comedy": 6, "Drama": 6, "Horror": 6})
    equal(facets["facetStats"]["year"], {"min": 1991, "max": 2014})
    hit = index.search("golden", {
        "limit": 1, "attributesToRetrieve": ["id"], "attributesToHighlight": ["title"], "showMatchesPosition": True, "showRankingScore": True,
        "showRankingScoreDetails": True, "attributesToCrop": ["note"], "cropLength": 2})["hits"][0]
    equal(set(hit), {"id", "_formatted", "_matchesPosition", "_rankingScore", "_rankingScoreDetails"})
    assert hit["_formatted"]["title"].startswith("<em>Golden</em>") and 0 < hit["_rankingScore"] <= 1
    near = index.search("", {"sort": ["_geoPoint(45.5, 7):asc"], "limit": 3})
    equal(ids(near)[0], 5)
    equal(near["hits"][0]["_geoDistance"], 0)
    equal(len(ids(index.search("", {"distinct": "genre"}))), 4)
    vector = index.search("", {"vector": [1.0, 1.0, 0.0], "hybrid": {"embedder": "own", "semanticRatio": 1.0}, "limit": 3, "retrieveVectors": True})
    equal(ids(vector), [24, 23, 22])
    equal(vector["hits"][0]["_vectors"]["own"], {"embeddings": [[1.0, 1.0, 0.0]], "regenerate": False})
    similar = index.get_similar_documents({"id": 12, "embedder": "own", "limit": 2})
    equal((set(ids(similar)), similar["id"]), ({11, 13}, "12"))
    equal(index.facet_search("genre", "dr")["facetHits"], [{"value": "Drama", "count": 6}])
    equal(index.facet_search("genre", None, {"filter": "year > 2012"})["facetHits"], [{"value": "Drama", "count": 1}, {"value": "Horror", "count": 1}])
    fails("invalid_search_filter", index.search, "", {"filter": "title = x"})
    fails("index_not_found", client.index(PREFIX + "nowhere").search, "x")

    two = client.multi_search([{"indexUid": uid, "q": "golden", "limit": 2}, {"indexUid": uid, "q": "silent", "filter": "year < 1995"}])["results"]
    equal(([r["indexUid"] for r in two], len(two[0]["hits"]), ids(two[1])), ([uid, uid], 2, [3]))
    one = client.multi_search([{"indexUid": uid, "q": "golden river 7", "matchingStrategy": "all"}, {"indexUid": uid, "q": "silent river 9", "matchingStrategy": "all", "federationOptions": {"weight": 0.5}}], {"limit": 5})
    equal(set(ids(one)), {7, 9})
    equal(one["hits"][0]["_federation"]["indexUid"], uid)
    fails("index_not_found", client.multi_search, [{"indexUid": PREFIX + "nowhere"}])


def keys():
    made = client.create_key({"name": "tour", "description": "of the tour", "actions": ["search", "documents.*"], "indexes": [PREFIX + "*"],
                              "expiresAt": "2099-01-01T00:00:00.5Z"})
    equal((made.name, made.actions, made.indexes, made.expires_at.year), ("tour", ["search", "documents.*"], [PREFIX + "*"], 2099))
    equal(client.get_key(made.key).uid, made.uid)
    equal(client.get_key(made.uid).key, made.key)
    listed = client.get_keys({"limit": 1000})
    assert made.uid in [k.uid for k in listed.results] and listed.total == len(listed.results)
    equal(client.update_key(made.uid, {"name": "renamed"}).name, "renamed")
    fails("immutable_api_key_actions", client.update_key, made.uid, {"actions": ["*"]})
    uid = PREFIX + "search"
    limited = Client(URL, made.key)
    assert limited.index(uid).search("golden")["hits"]
    fails("invalid_api_key", limited.get_all_stats)
    fails("invalid_api_key", limited.index("other").search, "x")
    soon = datetime.datetime.now(tz=datetime.timezone.utc) + datetime.timedelta(hours=1)
    token = client.generate_tenant_token(made.uid, {uid: {"filter": "genre = Drama"}}, api_key=made.key, expires_at=soon)
    equal({h["genre"] for h in Client(URL, token).index(uid).search("")["hits"]}, {"Drama"})
    fails("invalid_api_key", Client(URL, token).index(uid).get_documents)
    equal(client.delete_key(made.uid), 204)
    fails("api_key_not_found", client.get_key, made.uid)
    fails("invalid_api_key", limited.index(uid).search, "x")
    fails("invalid_api_key", Client(URL, token).index(uid).search, "x")


def tasks():
    uid = f"{PREFIX}tasks_{os.getpid()}"  # tasks outlive their index, and those of an earlier tour would be found
    index = client.index(uid)
    infos = [index.add_documents([{"id": i}]) for i in range(3)]
    for i in infos:
        done(i)
    found = client.get_tasks({"indexUids": [uid], "types": ["documentAdditionOrUpdate"], "statuses": ["succeeded"]})
    equal(([t.uid for t in found.results], found.total), ([i.task_uid for i in reversed(infos)], 3))
    page = client.get_tasks({"indexUids": [uid], "limit": 2})
    equal((len(page.results), page.limit, page.from_), (2, 2, infos[2].task_uid))
    equal(page.next_, infos[0].task_uid)
    equal({t.index_uid for t in index.get_tasks().results}, {uid})
    equal(client.get_task(infos[0].task_uid).details, {"receivedDocuments": 1, "indexedDocuments": 1})
    equal(index.get_task(infos[1].task_uid).uid, infos[1].task_uid)
    equal(index.wait_for_task(infos[1].task_uid).status, "succeeded")
    fails("task_not_found", client.get_task, 4_000_000_000)
    try:
        client.wait_for_task(infos[0].task_uid, timeout_in_ms=0)
        raise AssertionError("no timeout")
    except MeilisearchTimeoutError:
        pass
    batches = client.get_batches({"indexUids": [uid]})
    assert batches.total >= 1 and all(b.stats["indexUids"].get(uid) for b in batches.results)
    batch = client.get_batch(batches.results[0].uid)
    equal((batch.uid, batch.stats["status"]), (batches.results[0].uid, {"succeeded": sum(batch.stats["status"].values())}))
    task = client.wait_for_task(client.cancel_tasks({"uids": [str(infos[0].task_uid)]}).task_uid, PATIENCE_MS, 20)
    equal((task.type, task.details["matchedTasks"], task.details["canceledTasks"]), ("taskCancelation", 1, 0))
    fails("missing_task_filters", client.cancel_tasks, {})
    task = client.wait_for_task(client.delete_tasks({"indexUids": [uid], "statuses": ["succeeded"]}).task_uid, PATIENCE_MS, 20)
    equal((task.type, task.details["deletedTasks"]), ("taskDeletion", 3))
    fails("task_not_found", client.get_task, infos[0].task_uid)


def webhooks():
    made = client.create_webhook({"url": "https://example.com/hook", "headers": {"x-tour": "1"}})
    equal((made.url, made.headers, made.isEditable), ("https://example.com/hook", {"x-tour": "1"}, True))
    assert made.uuid in [w.uuid for w in client.get_webhooks().results]
    equal(client.get_webhook(made.uuid).url, made.url)
    equal(client.update_webhook(made.uuid, {"headers": {"x-tour": None, "x-new": "2"}}).headers, {"x-new": "2"})
    equal(client.delete_webhook(made.uuid), 204)
    fails("webhook_not_found", client.get_webhook, made.uuid)
    fails("invalid_webhook_url", client.create_webhook, {"url": "no url"})


def features():
    was = client.get_experimental_features()
    assert set(was) >= {"metrics", "containsFilter", "editDocumentsByFunction"} and all(isinstance(v, bool) for v in was.values())
    fails("feature_not_enabled", client.index(PREFIX + "search").search, "", {"filter": "genre CONTAINS ra"})
    equal(client.update_experimental_features({"containsFilter": True}), was | {"containsFilter": True})
    equal(client.get_experimental_features()["containsFilter"], True)
    equal(client.index(PREFIX + "search").search("", {"filter": "genre CONTAINS ra"})["estimatedTotalHits"], 6)
    equal(client.update_experimental_features({"containsFilter": was["containsFilter"]}), was)


def copies():
    task = done(client.create_dump())
    assert task.type == "dumpCreation" and task.details["dumpUid"]
    equal(done(client.create_snapshot()).type, "snapshotCreation")

    def export():
        task = client.wait_for_task(client.export("http://127.0.0.1:9", "key", "1 MiB", {PREFIX + "nowhere*": {}}).task_uid, PATIENCE_MS, 20)
        equal((task.type, task.status, task.details["payloadSize"]), ("export", "succeeded", "1 MiB"))  # of no index

    ledger.refuses(EXPORT, {"Client.export": lambda: client.export("http://127.0.0.1:9")}, export)


def one_engine():
    def network():
        client.update_experimental_features({"network": True})
        remotes = {"a": {"url": "http://127.0.0.1:9"}}
        equal(list(client.add_or_update_networks({"self": "a", "remotes": remotes})["remotes"]), ["a"])
        equal(client.get_all_networks()["self"], "a")
        client.add_or_update_networks({"self": None, "remotes": {"a": None}})
        client.update_experimental_features({"network": False})

    ledger.refuses(NETWORK, {
        "Client.get_all_networks": client.get_all_networks, "Client.add_or_update_networks": lambda: client.add_or_update_networks({"self": "a"})}, network)

    def chat():
        client.update_experimental_features({"chatCompletions": True})
        given = {"source": "openAi", "apiKey": "secret", "baseUrl": "http://127.0.0.1:9"}
        equal(client.update_chat_workspace_settings("tour", given)["apiKey"], "XXX...")
        equal(client.get_chat_workspace_settings("tour")["source"], "openAi")
        assert {"uid": "tour"} in client.get_chat_workspaces(limit=100)["results"]
        answer = list(client.create_chat_completion("tour", hello))
        equal(answer[0]["type"], "error")  # there is nobody at that address
        client.update_experimental_features({"chatCompletions": False})

    hello = [{"role": "user", "content": "hello"}]
    ledger.refuses(CHAT, {
        "Client.get_chat_workspaces": client.get_chat_workspaces, "Client.get_chat_workspace_settings": lambda: client.get_chat_workspace_settings("tour"),
        "Client.update_chat_workspace_settings": lambda: client.update_chat_workspace_settings("tour", {"source": "openAi"}),
        "Client.create_chat_completion": lambda: list(client.create_chat_completion("tour", hello))}, chat)

    def rules():
        client.update_experimental_features({"dynamicSearchRules": True})
        rule = {"description": "of the tour", "active": False, "conditions": {}, "actions": []}
        done(client.update_dynamic_search_rule("tour", rule, metadata="rule"))
        equal(client.get_dynamic_search_rule("tour").description, "of the tour")
        equal([r.uid for r in client.get_dynamic_search_rules({"limit": 5}).results], ["tour"])
        done(client.delete_dynamic_search_rule("tour"))
        client.update_experimental_features({"dynamicSearchRules": False})

    ledger.refuses(RULES, {
        "Client.get_dynamic_search_rules": client.get_dynamic_search_rules, "Client.get_dynamic_search_rule": lambda: client.get_dynamic_search_rule("tour"),
        "Client.update_dynamic_search_rule": lambda: client.update_dynamic_search_rule("tour", {"active": False}),
        "Client.delete_dynamic_search_rule": lambda: client.delete_dynamic_search_rule("tour")}, rules)

    def template():
        client.update_experimental_features({"renderRoute": True})
        asked = {"kind": "inlineDocumentTemplate", "inline": "{{ doc.title }}!"}
        equal(client.render_template(asked, {"kind": "inlineDocument", "inline": {"title": "Jaws"}})["rendered"], "Jaws!")
        client.update_experimental_features({"renderRoute": False})

    ledger.refuses(TEMPLATE, {"Client.render_template": lambda: client.render_template({})}, template)


def tidy():
    for raw in client.get_raw_indexes({"limit": 1000})["results"]:
        if raw["uid"].startswith(PREFIX):
            done(client.delete_index(raw["uid"]))


if __name__ == "__main__":
    for part in (tidy, server, indexes, documents, settings, searches, keys, tasks, webhooks, features, copies, one_engine, tidy):
        ledger.part(part)
    sys.exit(ledger.report())
