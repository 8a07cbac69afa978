#!/usr/bin/env python3
"""Makes the vectors of this folder. A second implementation of docs/formats/event.md, written from the text alone:
nothing here calls the product. Run it in this folder; it overwrites events.jsonl, refused.jsonl, limits.jsonl, ids.json."""

import base64
import hashlib
import hmac
import json
import uuid


class Num(str):
    """A number token, kept as it was spelled."""


def load(text):
    def pairs(items):
        keys = [key for key, _ in items]
        assert len(keys) == len(set(keys)), keys
        return dict(items)
    return json.loads(text, parse_int=Num, parse_float=Num, object_pairs_hook=pairs)


def cj1(value):
    if isinstance(value, Num):
        return str(value)
    if isinstance(value, str):
        short = {'"': '\\"', '\\': '\\\\', '\b': '\\b', '\t': '\\t', '\n': '\\n', '\f': '\\f', '\r': '\\r'}
        return '"' + "".join(short.get(c, "\\u%04x" % ord(c) if c < " " else c) for c in value) + '"'
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, list):
        return "[" + ",".join(map(cj1, value)) + "]"
    # Python compares texts by code points.
    return "{" + ",".join(cj1(key) + ":" + cj1(value[key]) for key in sorted(value)) + "}"


def typed(value):
    """A typed object without what means absence."""
    return {key: inner for key, inner in value.items() if inner is not None and inner != {} and inner != []}


def time(text):
    day, rest = text[:10], text[11:]
    clock, rest = rest[:8], rest[8:]
    digits = ""
    if rest[0] == ".":
        zone_at = next(at for at, c in enumerate(rest) if c in "zZ+-")
        digits, rest = rest[1:zone_at], rest[zone_at:]
    zone = "Z" if rest in ("z", "Z", "+00:00", "-00:00") else rest
    digits = digits.rstrip("0")
    return day + "T" + clock + ("." + digits if digits else "") + zone


def actor(value):
    if isinstance(value, str):
        return {"id": value}
    value = dict(value)
    if value.get("auth") is not None:
        value["auth"] = typed(value["auth"])
    return typed(value)


def target(value):
    if isinstance(value, str):
        kind, name = value.split("/", 1)
        return {"type": kind, "id": name}
    return typed(value)


def change(value):
    return {key: inner for key, inner in value.items() if inner is not None or key in ("old", "new")}


def normal(event):
    event = dict(event)
    for key in ("origin", "decision", "correlation", "justification", "original"):
        if event.get(key) is not None:
            event[key] = typed(event[key])
    if isinstance(event.get("outcome"), str):
        event["outcome"] = {"status": event["outcome"]}
    elif event.get("outcome") is not None:
        event["outcome"] = typed(event["outcome"])
    event["actor"] = actor(event["actor"])
    event["on_behalf_of"] = [actor(one) for one in event.get("on_behalf_of") or []]
    event["targets"] = [target(one) for one in event.get("targets") or []]
    event["changes"] = [change(one) for one in event.get("changes") or []]
    if event.get("id") is not None:
        event["id"] = event["id"].lower()
    if event.get("occurred_at") is not None:
        event["occurred_at"] = time(event["occurred_at"])
    return typed(event)


def parts_of(event, stamps):
    parts = []

    def add(tag, ordinal, value):
        if value:
            parts.append((tag, ordinal, cj1(value).encode()))

    def take(keys):
        return {key: event[key] for key in keys if key in event}

    outcome = event.get("outcome", {})
    what = take(["schema", "id", "action", "kind", "severity", "occurred_at", "delivery"])
    what["outcome"] = {key: outcome[key] for key in ("status", "code") if key in outcome}
    add(1, 0, typed(what))
    who = [event["actor"]] + event.get("on_behalf_of", [])
    for ordinal, one in enumerate(who):
        add(2, ordinal, one)
    targets = event.get("targets", [])
    for ordinal, one in enumerate(targets):
        add(3, ordinal, {key: one[key] for key in one if key != "owner"})
    add(4, 0, event.get("origin"))
    detail = take(["decision", "correlation", "changes", "attrs", "justification"])
    if "reason" in outcome:
        detail["outcome"] = {"reason": outcome["reason"]}
    add(5, 0, detail)

    personal = {}
    for ordinal, one in enumerate(targets):
        if "owner" in one:
            personal.setdefault(("user", one["owner"]), {})["/targets/%d/owner" % ordinal] = one["owner"]
    if "original" in event:
        people = [("user", one["id"]) for one in who if one.get("kind") not in ("service", "system", "device", "agent")]
        people += [(one["type"], one["id"]) for one in targets
                   if one["type"] in ("user", "person", "customer", "employee", "patient", "contact")]
        subject = people[0] if people else None
        personal.setdefault(subject, {})["/original"] = event["original"]
    for ordinal, value in enumerate(personal.values()):
        add(6, ordinal, value)

    add(7, 0, {key: stamps[key] for key in ("peer_ip", "credential") if key in stamps})
    defaults = {}
    if "schema" not in event:
        defaults["/schema"] = "indelible.event@1"
    if "id" not in event:
        defaults["/id"] = stamps["drawn_id"] if "instance" not in stamps else stream_id(stamps)
    if "kind" not in event:
        defaults["/kind"] = stamps["inferred"]
    if "status" not in outcome:
        defaults["/outcome/status"] = "unknown"
    for ordinal, one in enumerate(who):
        if "kind" not in one:
            defaults["/actor/kind" if ordinal == 0 else "/on_behalf_of/%d/kind" % (ordinal - 1)] = "unknown"
    stamp = {key: stamps[key] for key in ("tenant", "producer", "instance", "mapping") if key in stamps}
    if "seq" in stamps:
        stamp["seq"] = Num(stamps["seq"])
    if defaults:
        stamp["defaults"] = defaults
    if "/kind" in defaults:
        stamp["kind_table"] = "indelible/1"
    add(8, 0, stamp)
    return parts


def v8(digest):
    raw = bytearray(digest[:16])
    raw[6] = raw[6] & 15 | 0x80
    raw[8] = raw[8] & 63 | 0x80
    return str(uuid.UUID(bytes=bytes(raw)))


def stream_id(stamps):
    producer = stamps["producer"].encode()
    seed = b"indelible/id/v1\0" + bytes([len(producer)]) + producer
    return v8(hashlib.sha256(seed + bytes.fromhex(stamps["instance"]) + stamps["seq"].to_bytes(8, "big")).digest())


KEY = bytes(range(32))
SECRET = bytes(range(100, 132))
BLOCK = 0x0102030405060708


def commit(parts, slot):
    seed = hmac.new(KEY, b"indelible/seed/v1\0" + SECRET + slot.to_bytes(4, "big"), hashlib.sha256).digest()
    root = hashlib.sha256(b"indelible/event/v1\0" + len(parts).to_bytes(2, "big"))
    record = b"\x01" + BLOCK.to_bytes(8, "big") + slot.to_bytes(4, "big") + len(parts).to_bytes(2, "big")
    shown = []
    for tag, ordinal, data in parts:
        place = bytes([tag]) + ordinal.to_bytes(2, "big")
        salt = hashlib.sha256(b"indelible/salt/v1\0" + seed + place).digest()
        digest = hashlib.sha256(b"indelible/part/v1\0" + place + salt + data).digest()
        root.update(place + digest)
        record += place + bytes(4) + len(data).to_bytes(4, "big") + data
        shown.append({"tag": tag, "ordinal": ordinal, "json": data.decode(), "salt": salt.hex(), "digest": digest.hex()})
    return shown, root.hexdigest(), hashlib.sha256(record).hexdigest()


STREAM = {"tenant": "default", "producer": "billing-api", "instance": "00112233445566778899aabbccddeeff", "seq": 12}
LOOSE = {"tenant": "default", "producer": "billing-api", "drawn_id": "0190a1b2-c3d4-7000-8000-6b7c8d9e0f1a"}

# name, item, stamps
EVENTS = [
    ("least, in a stream", '{"action":"user.login","actor":"ana"}', dict(STREAM, inferred="login")),
    ("least, without a stream", '{"action":"user.login","actor":{"id":"ana"}}', dict(LOOSE, inferred="login")),
    ("every member", r'''{"schema":"acme.order@2","id":"0190A1B2-C3D4-4e5f-8a6b-7c8d9e0f1a2b","occurred_at":"2026-11-24t10:00:00.500+01:00",
 "action":"order.void","kind":"delete","outcome":{"status":"denied","code":"E42","reason":"limit of ana"},
 "actor":{"id":"ana@acme","kind":"human","name":"Ana","email":"ana@example.com","roles":["admin","ops"],"auth":{"method":"oidc","mfa":true,"credential_id":"c-1"}},
 "on_behalf_of":[{"id":"cron","kind":"service"},{"id":"bo","auth":{"mfa":false}},"eve"],
 "targets":[{"type":"invoice","id":"10021","name":"No. 10021","parent":"ledger/7","owner":"ana@acme"},"user/bo",{"type":"invoice","id":"a/b","owner":"bo"}],
 "origin":{"service":"billing","host":"h1","ip":"2001:db8::1","user_agent":"ua","device":"d"},
 "decision":{"effect":"deny","permission":"order.void","policy":"p","version":"3"},"severity":"warning","delivery":"spool",
 "correlation":{"request_id":"r","session_id":"s","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","span_id":"00f067aa0ba902b7","operation_id":"o","parent_id":"00f067aa0ba902b8"},
 "changes":[{"path":"/limit","op":"replace","old":null,"new":1e2},{"path":"","op":"add","new":[]}],
 "attrs":{"amount":48200,"none":null,"empty":{},"list":[[],{},null],"flag":true},
 "justification":{"text":"pager 77","ticket":"OPS-7"},"original":{"media_type":"text/plain","text":"raw \u0000 line\n"}}''',
     dict(STREAM, mapping="cloudtrail/1", peer_ip="192.0.2.7", credential="k_1")),
    ("order and whitespace mean nothing", ' \t{ "kind" : "read" ,\r\n "actor" : { "id" : "ana" } , "action" : "invoice.read" } \n', dict(STREAM)),
    ("null, [] and {} are absent", '{"action":"a.b","actor":{"id":"x","kind":null,"roles":[],"auth":{"mfa":null}},"on_behalf_of":[],"targets":[],"changes":[],'
     '"origin":{},"decision":{"effect":null},"correlation":{},"justification":{},"attrs":{},"outcome":{"reason":null},"original":{"text":null},"id":null,"kind":null,"severity":null}',
     dict(STREAM, inferred="other")),
    ("unicode", '{"action":"doc.read","kind":"read","actor":{"id":"\\u00e9\\ud83d\\ude00","name":"e\u0301 \u00e9 \ufeff\u2028"},"targets":["doc/\u65e5\u672c/\u8a9e"],'
     '"attrs":{"\U00010000":1,"\uffff":2,"\u0000x":0}}'.replace('"\u0000x":0', '"z\\u001f\\b\\f\\n\\r\\t\\"\\\\\\/\\u007f":"\\u0000\\u001F\\b\\f\\n\\r\\t\\"\\\\\\/\\u007f"'),
     dict(STREAM)),
    ("numbers keep their spelling", '{"action":"a.set","kind":"config","actor":"x","attrs":{"a":0.10,"b":1e2,"c":-0,"d":1E+400,"e":123456789012345678901234567890,"f":9007199254740993,"g":0.1e-7},'
     '"changes":[{"path":"/n","op":"replace","old":1.0,"new":1}]}', dict(STREAM)),
    ("outcome as text", '{"action":"a.b","kind":"other","actor":"x","outcome":"denied"}', dict(STREAM)),
    ("only a reason", '{"action":"a.b","kind":"other","actor":"x","outcome":{"reason":"why"}}', dict(STREAM)),
    ("time with z", '{"action":"a.b","kind":"other","actor":"x","occurred_at":"2026-11-24T10:00:00.000z"}', dict(STREAM)),
    ("time with -00:00", '{"action":"a.b","kind":"other","actor":"x","occurred_at":"2026-11-24T10:00:00.120-00:00"}', dict(STREAM)),
    ("time with an offset of minutes", '{"action":"a.b","kind":"other","actor":"x","occurred_at":"1678-01-01T00:00:00.123456789-09:30"}', dict(STREAM)),
    ("an actor that is a service leaves the original to the target", '{"action":"a.b","kind":"other","actor":{"id":"cron","kind":"service"},"targets":["patient/7"],"original":{"text":"x"}}', dict(STREAM)),
    ("an original of nobody", '{"action":"a.b","kind":"other","actor":{"id":"cron","kind":"service"},"targets":["invoice/7"],"original":{"text":""}}', dict(STREAM)),
    ("an owner who is the actor", '{"action":"a.b","kind":"other","actor":"ana","targets":[{"type":"invoice","id":"7","owner":"ana"}],"original":{"text":"x"}}', dict(STREAM)),
    ("owners in the order of their targets", '{"action":"a.b","kind":"other","actor":"ana","targets":['
     + ",".join('{"type":"t","id":"%d","owner":"%s"}' % (n, "bo" if n % 5 else "cy") for n in range(12)) + "]}", dict(STREAM)),
    ("mapped address", '{"action":"a.b","kind":"other","actor":"x","origin":{"ip":"::ffff:192.0.2.1"}}', dict(STREAM)),
]


def write(name, rows):
    with open(name, "w", encoding="utf-8") as out:
        for row in rows:
            out.write(json.dumps(row, ensure_ascii=True, separators=(",", ":")) + "\n")


rows = [{"ledger_key": KEY.hex(), "block": str(BLOCK), "secret": SECRET.hex()}]
for slot, (name, item, stamps) in enumerate(EVENTS):
    event = normal(load(item))
    parts, root, record = commit(parts_of(event, stamps), slot)
    rows.append({"name": name, "item": item, "stamps": stamps, "slot": slot, "event": cj1(event), "parts": parts,
                 "root": root, "record_sha256": record})
write("events.jsonl", rows)

OK = '{"action":"a.b","actor":"x"%s}'
REFUSED = [
    # JSON
    ("", "malformed_json", ""), ("{", "malformed_json", ""), ("nul", "malformed_json", ""), ('{"action":"a.b","actor":"x"', "malformed_json", "/actor"),
    ('{"action":"a.b","actor":"x"}x', "malformed_json", ""), ('{"action":"a.b","actor":"x"}{}', "malformed_json", ""),
    ("\ufeff" + OK % "", "malformed_json", ""), (OK % ",", "malformed_json", ""), (OK % ',"attrs":{"a":01}', "malformed_json", "/attrs/a"),
    (OK % ',"attrs":{"a":+1}', "malformed_json", "/attrs/a"), (OK % ',"attrs":{"a":1.}', "malformed_json", "/attrs/a"),
    (OK % ',"attrs":{"a":NaN}', "malformed_json", "/attrs/a"), (OK % ',"attrs":{"a":"\t"}', "malformed_json", "/attrs/a"),
    (OK % ',"attrs":{"a":"\\x"}', "malformed_json", "/attrs/a"), (OK % ',"attrs":{"a":1,}', "malformed_json", "/attrs"),
    (OK % ',"attrs":{\'a\':1}', "malformed_json", "/attrs"), (OK % ',"attrs":[1,2', "malformed_json", "/attrs/1"),
    (b'{"action":"a.b","actor":"\xff"}', "not_utf8", "/actor"), (b'{"action":"a.b","actor":"x","attrs":{"a":"\xed\xa0\x80"}}', "not_utf8", "/attrs/a"),
    (OK % ',"attrs":{"a":"\\ud800"}', "lone_surrogate", "/attrs/a"), (OK % ',"attrs":{"a":"\\udc00\\ud800"}', "lone_surrogate", "/attrs/a"),
    ('{"action":"a.b","actor":"\\ud83d"}', "lone_surrogate", "/actor"),
    ('{"action":"a.b","actor":"x","action":"a.b"}', "duplicate_key", "/action"), ('{"action":"a.b","actor":"x","\\u0061ction":null}', "duplicate_key", "/action"),
    (OK % ',"attrs":{"a":1,"b":2,"a":1}', "duplicate_key", "/attrs/a"), (OK % ',"attrs":{"l":[{"k":{"a":1,"a":2}}]}', "duplicate_key", "/attrs/l/0/k/a"),
    ('{"action":"a.b","actor":{"id":"x","id":"x"}}', "duplicate_key", "/actor/id"), (OK % ',"changes":[{"path":"","op":"x","old":{"a":1,"a":1}}]', "duplicate_key", "/changes/0/old/a"),
    (OK % ',"attrs":{"a\\u0000":1}', "invalid_value", "/attrs/a\0"),
    # shape
    ("null", "wrong_type", ""), ("[]", "wrong_type", ""), ('"a"', "wrong_type", ""), ("1", "wrong_type", ""),
    ("{}", "missing_field", "/action"), ('{"action":"a.b"}', "missing_field", "/actor"), ('{"actor":"x"}', "missing_field", "/action"),
    ('{"action":null,"actor":"x"}', "missing_field", "/action"), ('{"action":"a.b","actor":null}', "missing_field", "/actor"), ('{"action":"a.b","actor":{}}', "missing_field", "/actor"),
    ('{"action":"a.b","actor":{"kind":"human"}}', "missing_field", "/actor/id"), ('{"action":"a.b","actor":{"id":null,"name":"x"}}', "missing_field", "/actor/id"),
    (OK % ',"on_behalf_of":[{"kind":"human"}]', "missing_field", "/on_behalf_of/0/id"), (OK % ',"targets":["a/b",{"type":"t"}]', "missing_field", "/targets/1/id"),
    (OK % ',"targets":[{"id":"t"}]', "missing_field", "/targets/0/type"), (OK % ',"changes":[{"op":"add"}]', "missing_field", "/changes/0/path"),
    (OK % ',"changes":[{"path":"","old":null}]', "missing_field", "/changes/0/op"), (OK % ',"original":{"media_type":"x"}', "missing_field", "/original/text"),
    ('{"action":5,"actor":"x"}', "wrong_type", "/action"), ('{"action":["a.b"],"actor":"x"}', "wrong_type", "/action"), ('{"action":"a.b","actor":["x"]}', "wrong_type", "/actor"),
    ('{"action":"a.b","actor":5}', "wrong_type", "/actor"), ('{"action":"a.b","actor":{"id":5}}', "wrong_type", "/actor/id"), ('{"action":"a.b","actor":{"id":"x","roles":"r"}}', "wrong_type", "/actor/roles"),
    ('{"action":"a.b","actor":{"id":"x","roles":[5]}}', "wrong_type", "/actor/roles/0"), ('{"action":"a.b","actor":{"id":"x","auth":"oidc"}}', "wrong_type", "/actor/auth"),
    ('{"action":"a.b","actor":{"id":"x","auth":{"mfa":"true"}}}', "wrong_type", "/actor/auth/mfa"), ('{"action":"a.b","actor":{"id":"x","auth":{"mfa":1}}}', "wrong_type", "/actor/auth/mfa"),
    (OK % ',"targets":"a/b"', "wrong_type", "/targets"), (OK % ',"targets":{}', "wrong_type", "/targets"), (OK % ',"targets":[5]', "wrong_type", "/targets/0"),
    (OK % ',"targets":[{"type":"invoice","id":10021}]', "wrong_type", "/targets/0/id"), (OK % ',"on_behalf_of":"x"', "wrong_type", "/on_behalf_of"), (OK % ',"on_behalf_of":{}', "wrong_type", "/on_behalf_of"),
    (OK % ',"attrs":[]', "wrong_type", "/attrs"), (OK % ',"attrs":"x"', "wrong_type", "/attrs"), (OK % ',"origin":[]', "wrong_type", "/origin"), (OK % ',"outcome":[]', "wrong_type", "/outcome"),
    (OK % ',"outcome":true', "wrong_type", "/outcome"), (OK % ',"outcome":{"code":403}', "wrong_type", "/outcome/code"), (OK % ',"changes":{}', "wrong_type", "/changes"), (OK % ',"changes":["/a"]', "wrong_type", "/changes/0"),
    (OK % ',"original":"x"', "wrong_type", "/original"), (OK % ',"decision":{"version":3}', "wrong_type", "/decision/version"), (OK % ',"id":5', "wrong_type", "/id"), (OK % ',"occurred_at":1700000000', "wrong_type", "/occurred_at"),
    (OK % ',"severity":2', "wrong_type", "/severity"), (OK % ',"correlation":{"request_id":7}', "wrong_type", "/correlation/request_id"),
    (OK % ',"targets":[null]', "invalid_value", "/targets/0"), (OK % ',"targets":[{}]', "invalid_value", "/targets/0"), (OK % ',"on_behalf_of":["x",null]', "invalid_value", "/on_behalf_of/1"),
    (OK % ',"on_behalf_of":[{}]', "invalid_value", "/on_behalf_of/0"), (OK % ',"changes":[{}]', "invalid_value", "/changes/0"), (OK % ',"changes":[null]', "invalid_value", "/changes/0"),
    ('{"action":"a.b","actor":{"id":"x","roles":[null]}}', "invalid_value", "/actor/roles/0"),
    # members
    (OK % ',"note":1', "unknown_field", "/note"), (OK % ',"note":null', "unknown_field", "/note"), (OK % ',"Kind":"read"', "unknown_field", "/Kind"), (OK % ',"meta":{}', "unknown_field", "/meta"),
    ('{"action":"a.b","actor":{"id":"x","note":1}}', "unknown_field", "/actor/note"), ('{"action":"a.b","actor":{"id":"x","auth":{"otp":true}}}', "unknown_field", "/actor/auth/otp"),
    (OK % ',"outcome":{"error":"x"}', "unknown_field", "/outcome/error"), (OK % ',"targets":[{"type":"t","id":"x","note":null}]', "unknown_field", "/targets/0/note"),
    (OK % ',"origin":{"port":"1"}', "unknown_field", "/origin/port"), (OK % ',"decision":{"a/b~":"1"}', "unknown_field", "/decision/a~1b~0"), (OK % ',"correlation":{"trace":"1"}', "unknown_field", "/correlation/trace"),
    (OK % ',"changes":[{"path":"","op":"x","from":"y"}]', "unknown_field", "/changes/0/from"), (OK % ',"justification":{"why":"x"}', "unknown_field", "/justification/why"), (OK % ',"original":{"bytes":"x"}', "unknown_field", "/original/bytes"),
] + [(OK % (',"%s":%s' % (name, value)), "stamped_field", "/" + name) for name, value in [
    ("tenant", '"x"'), ("producer", '"x"'), ("instance", '"x"'), ("seq", "1"), ("received_at", "null"), ("peer_ip", '"192.0.2.1"'), ("credential", '"x"'), ("geo", "{}"),
    ("mapping", '"x/1"'), ("lineage", "[]"), ("signature", '"x"'), ("defaults", "{}"), ("kind_table", '"x/1"'), ("system", "true"), ("index", "1")]] + [
    # values
    (OK % (',"%s":%s' % (name, json.dumps(value))), code, field or "/" + name) for name, value, code, field in [
        ("id", "ana", "invalid_value", None), ("id", "0190a1b2c3d44e5f8a6b7c8d9e0f1a2b", "invalid_value", None), ("id", "", "invalid_value", None), ("id", "{190a1b2-c3d4-4e5f-8a6b-7c8d9e0f1a2}", "invalid_value", None),
        ("kind", "write", "invalid_value", None), ("kind", "", "invalid_value", None), ("kind", "Read", "invalid_value", None), ("outcome", "ok", "invalid_value", "/outcome/status"), ("outcome", "error", "invalid_value", "/outcome/status"),
        ("outcome", {"status": "SUCCESS"}, "invalid_value", "/outcome/status"), ("severity", "fatal", "invalid_value", None), ("delivery", "maybe", "invalid_value", None),
        ("on_behalf_of", [{"id": "x", "kind": "person"}], "invalid_value", "/on_behalf_of/0/kind"), ("on_behalf_of", [""], "invalid_value", "/on_behalf_of/0/id"),
        ("targets", ["a"], "invalid_value", "/targets/0"), ("targets", ["a/"], "invalid_value", "/targets/0"), ("targets", ["/a"], "invalid_value", "/targets/0"), ("targets", [""], "invalid_value", "/targets/0"),
        ("targets", [{"type": "", "id": "x"}], "invalid_value", "/targets/0/type"), ("targets", [{"type": "t", "id": ""}], "invalid_value", "/targets/0/id"), ("targets", [{"type": "t", "id": "x", "owner": ""}], "invalid_value", "/targets/0/owner"),
        ("origin", {"ip": "AWS Internal"}, "invalid_value", "/origin/ip"), ("origin", {"ip": "192.0.2.01"}, "invalid_value", "/origin/ip"), ("origin", {"ip": "2001:DB8::1"}, "invalid_value", "/origin/ip"),
        ("origin", {"ip": "2001:db8:0:0:0:0:0:1"}, "invalid_value", "/origin/ip"), ("origin", {"ip": "::ffff:c000:201"}, "invalid_value", "/origin/ip"), ("origin", {"ip": "::192.0.2.1"}, "invalid_value", "/origin/ip"),
        ("origin", {"ip": "fe80::1%eth0"}, "invalid_value", "/origin/ip"), ("origin", {"ip": "[::1]"}, "invalid_value", "/origin/ip"), ("origin", {"ip": "192.0.2.1:80"}, "invalid_value", "/origin/ip"), ("origin", {"ip": ""}, "invalid_value", "/origin/ip"),
        ("correlation", {"trace_id": "4BF92F3577B34DA6A3CE929D0E0E4736"}, "invalid_value", "/correlation/trace_id"), ("correlation", {"trace_id": "4bf92f3577b34da6"}, "invalid_value", "/correlation/trace_id"),
        ("correlation", {"span_id": "00f067aa0ba902b"}, "invalid_value", "/correlation/span_id"), ("correlation", {"parent_id": "x"}, "invalid_value", "/correlation/parent_id"),
        ("changes", [{"path": "a", "op": "add"}], "invalid_value", "/changes/0/path"), ("changes", [{"path": "/a~2", "op": "add"}], "invalid_value", "/changes/0/path"),
        ("schema", "acme.order", "invalid_value", None), ("schema", "@1", "invalid_value", None), ("schema", "acme@", "invalid_value", None), ("schema", "a@1@2", "invalid_value", None), ("schema", "a b@1", "invalid_value", None),
        ("schema", "indelible.event@2", "schema_reserved", None), ("schema", "indelible.system.refused@1", "schema_reserved", None), ("schema", "indelible.x", "schema_reserved", None),
        ("occurred_at", "2026-11-24T10:00:00", "invalid_value", None), ("occurred_at", "2026-11-24", "invalid_value", None), ("occurred_at", "2026-11-24 10:00:00Z", "invalid_value", None),
        ("occurred_at", "2026-11-24T10:00:60Z", "invalid_value", None), ("occurred_at", "2026-11-24T24:00:00Z", "invalid_value", None), ("occurred_at", "2026-02-30T00:00:00Z", "invalid_value", None),
        ("occurred_at", "2026-11-24T10:00:00.Z", "invalid_value", None), ("occurred_at", "2026-11-24T10:00:00.1234567890Z", "invalid_value", None), ("occurred_at", "2026-11-24T10:00:00+24:00", "invalid_value", None),
        ("occurred_at", "2026-11-24T10:00:00+0100", "invalid_value", None), ("occurred_at", "1677-12-31T23:59:59Z", "invalid_value", None), ("occurred_at", "2262-01-01T00:00:00Z", "invalid_value", None),
        ("occurred_at", "2026-11-24T10:00:00,5Z", "invalid_value", None), ("occurred_at", "", "invalid_value", None),
    ]] + [('{"action":%s,"actor":"x"}' % json.dumps(action), "invalid_value", "/action") for action in [
        "", "a", ".", "a.", ".a", "a..b", "a.-b", "_a.b", "a.b c", "a.b/c", "a.\u00e9", "a.b.", "a:b.c"]] + [
    ('{"action":"a.b","actor":""}', "invalid_value", "/actor/id"), ('{"action":"a.b","actor":{"id":"x","kind":"robot"}}', "invalid_value", "/actor/kind"),
]
write("refused.jsonl", [
    {("item_base64" if isinstance(item, bytes) else "item"): base64.b64encode(item).decode() if isinstance(item, bytes) else item,
     "code": code, "field": field} for item, code, field in REFUSED])

# name, before, repeated, times, after, code past the limit, field: `times` is allowed, `times + 1` is not.
deep = '{"action":"a.b","actor":"x","changes":[{"path":"","op":"x","new":'
LIMITS = [
    ("event bytes", OK[:-1] % "", " ", 262144 - len(OK % ""), "}", "too_large", ""),
    ("original.text", OK[:-1] % ',"original":{"text":"', "x", 196608, '"}}', "too_long", "/original/text"),
    ("string bytes", OK[:-1] % ',"attrs":{"a":"', "x", 65536, '"}}', "too_long", "/attrs/a"),
    ("string bytes, two a character", OK[:-1] % ',"attrs":{"a":"', "\u00e9", 32768, '"}}', "too_long", "/attrs/a"),
    ("string bytes, escaped", OK[:-1] % ',"attrs":{"a":"', "\\n", 65536, '"}}', "too_long", "/attrs/a"),
    ("media type", OK[:-1] % ',"original":{"text":"","media_type":"', "x", 65536, '"}}', "too_long", "/original/media_type"),
    ("number characters", OK[:-1] % ',"attrs":{"a":1', "0", 63, "}}", "too_long", "/attrs/a"),
    ("actor id", '{"action":"a.b","actor":"', "x", 256, '"}', "too_long", "/actor/id"),
    ("actor id, two bytes a character", '{"action":"a.b","actor":"', "\u00e9", 128, '"}', "too_long", "/actor/id"),
    ("delegate id", OK[:-1] % ',"on_behalf_of":["', "x", 256, '"]}', "too_long", "/on_behalf_of/0/id"),
    ("target id", OK[:-1] % ',"targets":["t/', "x", 256, '"]}', "too_long", "/targets/0/id"),
    ("owner id", OK[:-1] % ',"targets":[{"type":"t","id":"x","owner":"', "x", 256, '"}]}', "too_long", "/targets/0/owner"),
    ("action characters", '{"actor":"x","action":"a.', "b", 126, '"}', "too_long", "/action"),
    ("targets", OK[:-1] % ',"targets":["a/b"', ',"a/b"', 63, "]}", "too_many_items", "/targets"),
    ("on_behalf_of", OK[:-1] % ',"on_behalf_of":["a"', ',"a"', 7, "]}", "too_many_items", "/on_behalf_of"),
]
rows = [{"name": name, "before": before, "repeat": repeat, "times": times, "after": after, "code": code, "field": field}
        for name, before, repeat, times, after, code, field in LIMITS]
# Nesting closes what it opens, and keys must differ: whole items.
attrs = lambda levels: OK % (',"attrs":{"a":' + "[" * (levels - 1) + "]" * (levels - 1) + "}")
keys = lambda count: OK % (',"attrs":{' + ",".join('"k%d":%d' % (n, n) for n in range(count)) + "}")
new = lambda levels: deep + "[" * (levels - 3) + "]" * (levels - 3) + "}]}"
rows += [
    {"name": "depth of attrs", "at": attrs(8), "past": attrs(9), "code": "too_deep", "field": "/attrs/a"},
    {"name": "depth of an event", "at": new(16), "past": new(17), "code": "too_deep", "field": "/changes/0/new" + "/0" * 13},
    {"name": "keys of attrs", "at": keys(64), "past": keys(65), "code": "too_many_items", "field": "/attrs"},
    {"name": "first year", "at": OK % ',"occurred_at":"1678-01-01T00:00:00+23:59"', "past": OK % ',"occurred_at":"1677-12-31T23:59:59Z"', "code": "invalid_value", "field": "/occurred_at"},
    {"name": "last year", "at": OK % ',"occurred_at":"2261-12-31T23:59:59.999999999-23:59"', "past": OK % ',"occurred_at":"2262-01-01T00:00:00Z"', "code": "invalid_value", "field": "/occurred_at"},
    {"name": "fraction digits", "at": OK % ',"occurred_at":"2026-11-24T10:00:00.123456789Z"', "past": OK % ',"occurred_at":"2026-11-24T10:00:00.1234567890Z"', "code": "invalid_value", "field": "/occurred_at"},
]
write("limits.jsonl", rows)

import_key = bytes(range(7, 39))
random = bytes(range(0xf0, 0xfa))
ms = 1700000000123
v7 = bytearray(ms.to_bytes(6, "big") + random)
v7[6] = v7[6] & 15 | 0x70
v7[8] = v7[8] & 63 | 0x80
ids = {
    "of_stream": [{"producer": producer, "instance": instance, "seq": str(seq), "id": stream_id({"producer": producer, "instance": instance, "seq": seq})}
                  for producer, instance, seq in [("billing-api", "00112233445566778899aabbccddeeff", 12), ("billing-api", "00112233445566778899aabbccddeeff", 1),
                                                  ("a", "f" * 32, 2**64 - 1), ("p" * 63, "0" * 32, 1)]],
    "of_source": [{"import_key": import_key.hex(), "original_id": text, "id": v8(hmac.new(import_key, b"indelible/source-id/v1\0" + text.encode(), hashlib.sha256).digest())}
                  for text in ["", "evt-1", "\u00e9"]],
    "instance_of_file": [{"import_key": import_key.hex(), "text": text, "instance": hmac.new(import_key, text.encode(), hashlib.sha256).digest()[:16].hex()} for text in ["", "one\ntwo\n"]],
    "v7": [{"unix_ns": str(ms * 1000000 + 999999), "random": random.hex(), "id": str(uuid.UUID(bytes=bytes(v7)))}],
}
with open("ids.json", "w") as out:
    json.dump(ids, out, indent=1)
    out.write("\n")
