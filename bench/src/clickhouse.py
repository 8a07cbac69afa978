"""ClickHouse in process: one bulk INSERT, three bloom indexes, then the same look-ups; prints one JSON object."""
import json
import sys
import time

from chdb import session

folder, events, questions = sys.argv[1:4]
store = session.Session(folder)
store.query("CREATE DATABASE IF NOT EXISTS bench ENGINE = Atomic")
store.query("""
CREATE TABLE bench.audit (id UUID, occurred_at DateTime64(3, 'UTC'), action LowCardinality(String),
  outcome LowCardinality(String), actor_id String, target_type LowCardinality(String), target_id String,
  service LowCardinality(String), ip String, user_agent LowCardinality(String), request_id String,
  trace_id String, amount UInt32, region LowCardinality(String),
  INDEX by_id id TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX by_actor actor_id TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX by_target target_id TYPE bloom_filter(0.01) GRANULARITY 1)
ENGINE = MergeTree ORDER BY occurred_at SETTINGS default_compression_codec = 'ZSTD(3)'
""")
began = time.perf_counter()
store.query(f"""
INSERT INTO bench.audit SELECT toUUID(JSONExtractString(line, 'id')),
  parseDateTime64BestEffort(JSONExtractString(line, 'occurred_at'), 3, 'UTC'),
  JSONExtractString(line, 'action'), JSONExtractString(line, 'outcome'), JSONExtractString(line, 'actor', 'id'),
  JSONExtractString(line, 'targets', 1, 'type'), JSONExtractString(line, 'targets', 1, 'id'),
  JSONExtractString(line, 'origin', 'service'), JSONExtractString(line, 'origin', 'ip'),
  JSONExtractString(line, 'origin', 'user_agent'), JSONExtractString(line, 'correlation', 'request_id'),
  JSONExtractString(line, 'correlation', 'trace_id'), JSONExtractUInt(line, 'attrs', 'amount'),
  JSONExtractString(line, 'attrs', 'region')
FROM file('{events}', 'LineAsString', 'line String')
""")
insert_s = time.perf_counter() - began
store.query("OPTIMIZE TABLE bench.audit FINAL")
rows, size = str(store.query(
    "SELECT sum(rows), sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'bench' AND table = 'audit'", "TSV"
)).split()
answer = {"rows": int(rows), "bytes": int(size), "insert_s": insert_s, "ms": {}}
for name, statements in json.load(open(questions)).items():
    times = []
    for statement in statements:
        began = time.perf_counter()
        store.query(statement, "JSONEachRow")
        times.append((time.perf_counter() - began) * 1e3)
    answer["ms"][name] = times
print(json.dumps(answer))
