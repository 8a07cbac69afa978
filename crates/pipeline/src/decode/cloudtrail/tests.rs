//! The mapping on made-up records (every rule), and on 2,900 real ones (the counts).

use super::map;
use event::code::Code;
use event::event::{Event, Rejection};
use event::ids::{EventId, ImportKey};
use event::json::{self, Value};
use event::limits;
use std::collections::BTreeSet;
use std::path::Path;

const KEY: ImportKey = ImportKey([7; 32]);

fn mapped(record: &str) -> String {
    let event =
        map(record.as_bytes(), &KEY).unwrap_or_else(|rejection| panic!("{record}: {rejection}"));
    String::from_utf8(event).unwrap()
}

fn refused(record: &str) -> Rejection {
    match map(record.as_bytes(), &KEY) {
        Err(rejection) => rejection,
        Ok(event) => panic!("{} bytes of event", event.len()),
    }
}

/// A record of the least that makes an event, with `more` members.
fn record(more: &str) -> String {
    let base = r#""eventSource":"s3.amazonaws.com","eventName":"GetObject","eventID":"293ba626-3be5-4a26-ab1b-0f4c54f49959""#;
    if more.is_empty() { format!("{{{base}}}") } else { format!("{{{base},{more}}}") }
}

/// The member of the mapped event at `path`, as JSON.
fn member(record: &str, path: &str) -> String {
    let event = mapped(record);
    let value = json::parse(event.as_bytes(), json::Limits::READER).unwrap();
    let found = path.split('/').skip(1).try_fold(&value, |value, token| match value {
        Value::Array(elements) => elements.get(token.parse::<usize>().unwrap()),
        other => other.member(token),
    });
    let mut out = Vec::new();
    found.inspect(|value| json::write_cj1(value, &mut out));
    String::from_utf8(out).unwrap()
}

/// Members of a record, a place in its event, and what must stand there.
const RULES: &[(&str, &str, &str)] = &[
    // Who: type, then the first name that is there.
    (
        r#""userIdentity":{"type":"IAMUser","arn":"arn:u","principalId":"P","userName":"ana","accessKeyId":"AK"}"#,
        "/actor",
        r#"{"auth":{"credential_id":"AK"},"id":"arn:u","kind":"human","name":"ana"}"#,
    ),
    (
        r#""userIdentity":{"type":"Root","principalId":"P"}"#,
        "/actor",
        r#"{"id":"P","kind":"human"}"#,
    ),
    (
        r#""userIdentity":{"type":"SAMLUser","principalId":"P","accessKeyId":""}"#,
        "/actor",
        r#"{"id":"P","kind":"human"}"#,
    ),
    (
        r#""userIdentity":{"type":"IdentityCenterUser","onBehalfOf":{"userId":"U"}}"#,
        "/actor",
        r#"{"id":"U","kind":"human"}"#,
    ),
    (
        r#""userIdentity":{"type":"AssumedRole","arn":"arn:s","sessionContext":{"sessionIssuer":{"arn":"arn:r","userName":"r"}}}"#,
        "/actor",
        r#"{"id":"arn:s","kind":"service"}"#,
    ),
    (
        r#""userIdentity":{"type":"AssumedRole","arn":"arn:s","sessionContext":{"sessionIssuer":{"arn":"arn:r","userName":"r"}}}"#,
        "/on_behalf_of",
        r#"[{"id":"arn:r","kind":"service","name":"r"}]"#,
    ),
    (r#""userIdentity":{"type":"AssumedRole","arn":"arn:s"}"#, "/on_behalf_of", ""),
    (
        r#""userIdentity":{"type":"AWSService","invokedBy":"ec2"}"#,
        "/actor",
        r#"{"id":"ec2","kind":"service"}"#,
    ),
    (
        r#""userIdentity":{"accountId":"1","invokedBy":"ec2"}"#,
        "/actor",
        r#"{"id":"ec2","kind":"service"}"#,
    ),
    (
        r#""userIdentity":{"accountId":"1"}"#,
        "/actor",
        r#"{"id":"s3.amazonaws.com","kind":"service"}"#,
    ),
    (r#""userIdentity":null"#, "/actor/id", r#""s3.amazonaws.com""#),
    (r#""userIdentity":{"type":"FederatedUser","arn":"arn:f"}"#, "/actor", r#"{"id":"arn:f"}"#),
    (
        r#""userIdentity":{"type":"IAMUser","arn":"a","sessionContext":{"attributes":{"mfaAuthenticated":"true"}}}"#,
        "/actor/auth",
        r#"{"mfa":true}"#,
    ),
    (
        r#""additionalEventData":{"MFAUsed":"No"},"userIdentity":{"type":"Root","arn":"a"}"#,
        "/actor/auth",
        r#"{"mfa":false}"#,
    ),
    // What, and when.
    ("", "/action", r#""s3.GetObject""#),
    (r#""eventTime":"2023-07-10T11:42:36Z""#, "/occurred_at", r#""2023-07-10T11:42:36Z""#),
    ("", "/occurred_at", ""),
    ("", "/id", r#""293ba626-3be5-4a26-ab1b-0f4c54f49959""#),
    // How it ended.
    ("", "/outcome", r#"{"status":"success"}"#),
    (
        r#""errorCode":"AccessDenied","errorMessage":"no""#,
        "/outcome",
        r#"{"code":"AccessDenied","reason":"no","status":"denied"}"#,
    ),
    (
        r#""errorCode":"Client.UnauthorizedOperation""#,
        "/outcome",
        r#"{"code":"UnauthorizedOperation","status":"denied"}"#,
    ),
    (
        r#""errorCode":"Server.InternalError""#,
        "/outcome",
        r#"{"code":"InternalError","status":"failure"}"#,
    ),
    (
        r#""errorCode":"Client.InvalidVpcID.NotFound""#,
        "/outcome/code",
        r#""InvalidVpcID.NotFound""#,
    ),
    (
        r#""errorMessage":"Failed authentication","responseElements":{"ConsoleLogin":"Failure"}"#,
        "/outcome",
        r#"{"reason":"Failed authentication","status":"failure"}"#,
    ),
    (r#""responseElements":{"ConsoleLogin":"Success"}"#, "/outcome/status", r#""success""#),
    // From where: only an address is an ip.
    (
        r#""sourceIPAddress":"192.168.10.20","userAgent":"x""#,
        "/origin",
        r#"{"ip":"192.168.10.20","service":"s3.amazonaws.com","user_agent":"x"}"#,
    ),
    (
        r#""sourceIPAddress":"AWS Internal""#,
        "/origin",
        r#"{"host":"AWS Internal","service":"s3.amazonaws.com"}"#,
    ),
    (r#""sourceIPAddress":"2001:DB8:0::1""#, "/origin/ip", r#""2001:db8::1""#),
    (r#""sourceIPAddress":"::ffff:1.2.3.4""#, "/origin/ip", r#""::ffff:1.2.3.4""#),
    (r#""sourceIPAddress":"fe80::1%eth0""#, "/origin/host", r#""fe80::1%eth0""#),
    (r#""requestID":"R1""#, "/correlation", r#"{"request_id":"R1"}"#),
    // To what.
    (
        r#""resources":[{"ARN":"arn:b","type":"AWS::S3::Bucket","accountId":"1"},{"ARN":"arn:k"},{"type":"none"},{"ARN":"arn:k"}]"#,
        "/targets",
        r#"[{"id":"arn:b","type":"AWS::S3::Bucket"},{"id":"arn:k","type":"resource"}]"#,
    ),
    (
        r#""requestParameters":{"bucketName":"b","marker":"m","instancesSet":{"items":[{"instanceId":"i-1"},{"instanceId":"i-2"}]}}"#,
        "/targets",
        r#"[{"id":"b","type":"bucket"},{"id":"i-1","type":"instance"},{"id":"i-2","type":"instance"}]"#,
    ),
    (r#""requestParameters":{"name":"n"}"#, "/targets", ""),
    // The rest.
    (
        r#""awsRegion":"us-east-1","recipientAccountId":"1","readOnly":true,"eventType":"AwsApiCall","userIdentity":{"accountId":"2"}"#,
        "/attrs",
        r#"{"account":"1","event_type":"AwsApiCall","read_only":true,"region":"us-east-1"}"#,
    ),
    (r#""userIdentity":{"accountId":"2"}"#, "/attrs/account", r#""2""#),
    (
        r#""requestParameters":{"a":1.50,"b":null,"c":[1],"d":{"e":1},"f":false,"g":"","h":"x"}"#,
        "/attrs/request",
        r#"{"a":1.50,"f":false,"g":"","h":"x"}"#,
    ),
];

#[test]
fn each_rule_of_the_mapping() {
    for (more, path, want) in RULES {
        assert_eq!(member(&record(more), path), *want, "{path} of {more}");
    }
}

#[test]
fn a_parameter_called_name_means_what_its_service_means() {
    for (service, kind) in
        [("ssm", "parameter"), ("secretsmanager", "secret"), ("cloudtrail", "trail")]
    {
        let record = format!(
            r#"{{"eventSource":"{service}.amazonaws.com","eventName":"X","requestParameters":{{"name":"n"}}}}"#
        );
        assert_eq!(member(&record, "/targets"), format!(r#"[{{"id":"n","type":"{kind}"}}]"#));
    }
}

#[test]
fn an_action_keeps_to_its_grammar_whatever_the_record_says() {
    let long = "x".repeat(300);
    for (source, name, want) in [
        ("ec2.amazonaws.com", "RunInstances", "ec2.RunInstances"),
        ("s3.amazonaws.com.cn", "Get Object", "s3.Get-Object"),
        ("sso.example.com", "A..B_c", "sso.example.com.A.B_c"),
        ("ec2.amazonaws.com", "-_x", "ec2.x"),
        ("ec2.amazonaws.com", "\u{fc}ber", "ec2.ber"),
        ("ec2.amazonaws.com", long.as_str(), &format!("ec2.{}", "x".repeat(124))),
    ] {
        let record = format!(r#"{{"eventSource":"{source}","eventName":"{name}"}}"#);
        assert_eq!(member(&record, "/action"), format!("\"{want}\""));
    }
}

#[test]
fn an_event_id_that_is_no_uuid_gives_one_under_the_import_key() {
    let record = r#"{"eventSource":"s3","eventName":"X","eventID":"e-17"}"#;
    let want = KEY.event_id("e-17").to_string();
    assert_eq!(member(record, "/id"), format!("\"{want}\""));
    let other = map(record.as_bytes(), &ImportKey([8; 32])).unwrap();
    assert!(!String::from_utf8(other).unwrap().contains(&want));
    assert_eq!(member(r#"{"eventSource":"s3","eventName":"X"}"#, "/id"), "");
}

#[test]
fn the_record_is_kept_byte_for_byte() {
    let record = "{ \"eventSource\" : \"s3\",\n\t\"eventName\":\"\\u0041\\/x\", \"n\":1.0e2 }";
    let event = mapped(record);
    let event = Event::parse(event.as_bytes()).unwrap();
    let original = event.original.unwrap();
    assert_eq!(original.text, record);
    assert_eq!(original.media_type.as_deref(), Some("application/json"));
}

#[test]
fn responses_may_nest_deeper_than_an_event() {
    let deep = format!("{}1{}", "[".repeat(60), "]".repeat(60));
    assert_eq!(
        member(&record(&format!(r#""responseElements":{{"a":{deep}}}"#)), "/action"),
        "\"s3.GetObject\""
    );
}

#[test]
fn at_most_48_parameters_and_64_targets_are_taken() {
    let parameters: Vec<_> = (0..60).map(|n| format!(r#""p{n:02}":{n}"#)).collect();
    let request = member(
        &record(&format!(r#""requestParameters":{{{}}}"#, parameters.join(","))),
        "/attrs/request",
    );
    assert!(request.starts_with(r#"{"p00":0,"#) && request.ends_with(r#","p47":47}"#), "{request}");
    let resources: Vec<_> = (0..70).map(|n| format!(r#"{{"ARN":"a{n}"}}"#)).collect();
    let event = mapped(&record(&format!(r#""resources":[{}]"#, resources.join(","))));
    assert_eq!(Event::parse(event.as_bytes()).unwrap().targets.len(), limits::TARGETS_MAX);
}

#[test]
fn what_is_too_long_for_its_field_stays_in_the_original() {
    let long = "x".repeat(limits::STRING_BYTES_MAX + 1);
    let id = "i".repeat(limits::ID_BYTES_MAX + 1);
    let more = format!(
        r#""userAgent":"{long}","resources":[{{"ARN":"{id}"}}],"userIdentity":{{"type":"AssumedRole","arn":"{id}","principalId":"P"}}"#
    );
    let event = mapped(&record(&more));
    let event = Event::parse(event.as_bytes()).unwrap();
    assert!(event.origin.user_agent.is_none() && event.targets.is_empty());
    assert_eq!(event.actor.id, "P");
}

#[test]
fn parameters_give_way_before_the_original_does() {
    let large = "x".repeat(60 * 1024);
    let more = format!(r#""requestParameters":{{"a":"{large}","b":"{large}","c":"{large}"}}"#);
    let text = mapped(&record(&more));
    let event = Event::parse(text.as_bytes()).unwrap();
    assert!(event.original.is_some());
    assert_eq!(member(&record(&more), "/attrs"), "");
    let more = format!(r#""requestParameters":[{}]"#, vec![format!("\"{large}\""); 4].join(","));
    let rejection = refused(&record(&more));
    assert_eq!((rejection.code, rejection.field.as_str()), (Code::TooLong, "/original/text"));
    // Each quote of the record is escaped in the event, so a record can fit where its event does not.
    let quotes = "\\\"".repeat(66 * 1024);
    assert_eq!(refused(&record(&format!(r#""a":"{quotes}""#))).code, Code::TooLarge);
}

#[test]
fn what_is_no_record_is_refused_with_the_reason() {
    let cases = [
        ("", Code::MalformedJson, ""),
        ("[]", Code::WrongType, ""),
        ("{", Code::MalformedJson, ""),
        ("{}", Code::MissingField, "/eventSource"),
        (r#"{"eventSource":"s3"}"#, Code::MissingField, "/eventName"),
        (r#"{"eventSource":"s3","eventName":""}"#, Code::MissingField, "/eventName"),
        (
            r#"{"eventSource":"s3","eventName":"X","userIdentity":{"type":"IAMUser"}}"#,
            Code::MissingField,
            "/userIdentity",
        ),
        (
            r#"{"eventSource":"s3","eventName":"X","eventTime":"yesterday"}"#,
            Code::InvalidValue,
            "/occurred_at",
        ),
        (r#"{"eventSource":"s3","eventName":"--"}"#, Code::InvalidValue, "/action"),
        (r#"{"eventSource":"s3","eventName":"X","a":1,"a":2}"#, Code::DuplicateKey, "/a"),
    ];
    for (record, code, field) in cases {
        let rejection = refused(record);
        assert_eq!((rejection.code, rejection.field.as_str()), (code, field), "{record}");
    }
}

#[derive(Default, Debug, PartialEq, Eq)]
struct Tally {
    records: usize,
    ids: usize,
    not_success: usize,
    denied: usize,
    without_type: usize,
}

#[test]
fn every_real_record_maps_to_a_valid_event() {
    let mut tally = Tally::default();
    let mut ids = BTreeSet::new();
    for record in real_records() {
        let event = map(&record, &KEY).unwrap_or_else(|rejection| panic!("{rejection}"));
        let event = Event::parse(&event).unwrap();
        assert_eq!(event.original.as_ref().unwrap().text.as_bytes(), record);
        ids.insert(event.id.unwrap_or(EventId([0; 16])));
        let status = event.outcome.status.as_deref();
        tally.records += 1;
        tally.not_success += usize::from(status != Some("success"));
        tally.denied += usize::from(status == Some("denied"));
        let source = json::parse(&record, json::Limits::READER).unwrap();
        let has_type =
            source.member("userIdentity").is_some_and(|identity| identity.member("type").is_some());
        if !has_type {
            tally.without_type += 1;
            assert_eq!(event.actor.kind.as_deref(), Some("service"));
        }
    }
    tally.ids = ids.len();
    let want = Tally { records: 2900, ids: 2900, not_success: 300, denied: 60, without_type: 42 };
    assert_eq!(tally, want);
}

/// Every record of `testdata/cloudtrail`, as it stands in its file.
#[expect(clippy::disallowed_methods, reason = "a test reads its data from the file system")]
fn real_records() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/cloudtrail");
    let mut records = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let file = std::fs::read(path).unwrap();
            let array = file.strip_prefix(b"{\"Records\":").unwrap().strip_suffix(b"}\n").unwrap();
            records.extend(json::array(array, usize::MAX).unwrap().into_iter().map(<[u8]>::to_vec));
        }
    }
    records
}
