//! What a CloudTrail record was done to: its `resources`, and the request parameters that name something.
//!
//! A parameter is a target only if this table names it: a guess by suffix would call a page marker or a client token a
//! target. What the table does not know is still in `attrs.request` and in `original`.

use super::{Json, Members, fitting, text_value};
use event::json::Value;
use event::limits;

/// Type of a resource that names none.
const UNTYPED: &str = "resource";

/// Request parameter -> target type, whatever the service.
const PARAMETERS: &[(&str, &str)] = &[
    ("accessKeyId", "access-key"),
    ("allocationId", "elastic-ip"),
    ("bucketName", "bucket"),
    ("dBClusterIdentifier", "db-cluster"),
    ("dBInstanceIdentifier", "db-instance"),
    ("dBSnapshotIdentifier", "db-snapshot"),
    ("detectorId", "detector"),
    ("documentName", "document"),
    ("functionName", "function"),
    ("groupId", "security-group"),
    ("groupName", "group"),
    ("imageId", "image"),
    ("instanceId", "instance"),
    ("instanceProfileName", "instance-profile"),
    ("internetGatewayId", "internet-gateway"),
    ("keyId", "key"),
    ("logGroupName", "log-group"),
    ("natGatewayId", "nat-gateway"),
    ("networkInterfaceId", "network-interface"),
    ("policyArn", "policy"),
    ("roleArn", "role"),
    ("roleName", "role"),
    ("routeTableId", "route-table"),
    ("secretId", "secret"),
    ("snapshotId", "snapshot"),
    ("streamName", "stream"),
    ("subnetId", "subnet"),
    ("tableName", "table"),
    ("topicArn", "topic"),
    ("trailName", "trail"),
    ("trustAnchorId", "trust-anchor"),
    ("userName", "user"),
    ("volumeId", "volume"),
    ("vpcId", "vpc"),
];

/// The parameter `name` means another thing in each service.
const NAMED: &[(&str, &str)] =
    &[("cloudtrail", "trail"), ("secretsmanager", "secret"), ("ssm", "parameter")];

/// The targets of `record`, in its order, each once, as many as an event may have.
pub(super) fn targets<'a>(record: Json<'a>, service: &str) -> Option<Value<'a>> {
    let mut found = Found { targets: Vec::new(), seen: Vec::new() };
    for resource in record.member("resources").elements() {
        let id = resource.text("ARN").or_else(|| resource.text("ARNPrefix"));
        found.add(resource.text("type").unwrap_or(UNTYPED), id);
    }
    let request = record.member("requestParameters");
    found.add_named(request, service);
    for (_, value) in request.members() {
        for element in value.member("items").elements() {
            found.add_named(element, service);
        }
    }
    (!found.targets.is_empty()).then_some(Value::Array(found.targets))
}

struct Found<'a> {
    targets: Vec<Value<'a>>,
    seen: Vec<(&'a str, &'a str)>,
}

impl<'a> Found<'a> {
    /// Adds what the members of `object` name by the tables.
    fn add_named(&mut self, object: Json<'a>, service: &str) {
        for (key, value) in object.members() {
            let listed = |table: &[(&str, &'static str)], key: &str| {
                table.iter().find(|(name, _)| *name == key).map(|(_, kind)| *kind)
            };
            let kind = if key == "name" { listed(NAMED, service) } else { listed(PARAMETERS, key) };
            if let Some(kind) = kind {
                self.add(kind, value.as_text());
            }
        }
    }

    fn add(&mut self, kind: &'a str, id: Option<&'a str>) {
        let (Some(kind), Some(id)) = (fitting(kind), id.and_then(fitting)) else { return };
        let name = (kind, id);
        if self.targets.len() == limits::TARGETS_MAX || self.seen.contains(&name) {
            return;
        }
        let mut target = Members::default();
        target.put("id", text_value(id));
        target.put("type", text_value(kind));
        self.targets.extend(target.into_value());
        self.seen.push(name);
    }
}
