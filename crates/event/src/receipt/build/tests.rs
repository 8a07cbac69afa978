//! Receipts made to order: parts as given, whatever they say, in a tree of our own under a key of our own.

use std::borrow::Cow;

use tlog::checkpoint::Checkpoint;
use tlog::note::{SigningKey, VerifierKey};
use tlog::tree::{CompactRange, Index, TreeSize};
use tlog::{Hash, hash};

use crate::commitment::{self, LedgerKey, SaltBlock, Sealer};
use crate::entry::{Entry, EntryKind};
use crate::event::{Event, PartBytes};
use crate::ids::{Instance, ProducerId, Seq, TenantId, Timestamp};
use crate::receipt::{Content, Disclosure, Given, Receipt, Report, Shown, ShownPart, show, verify};
use crate::{canonical, record};

/// The ledger of every receipt here.
pub(in crate::receipt) const ORIGIN: &str = "store-1/default";

/// The key that signs.
pub(in crate::receipt) fn key() -> SigningKey {
    SigningKey::new(ORIGIN, [7; 32]).unwrap()
}

/// The keys that a producer pinned.
pub(in crate::receipt) fn pinned() -> Vec<VerifierKey> {
    vec![key().verifier().clone()]
}

/// One record to be shown.
#[derive(Debug, Clone)]
pub(in crate::receipt) struct Made {
    pub(in crate::receipt) kind: EntryKind,
    pub(in crate::receipt) received_at: u64,
    /// Tag, ordinal, bytes; ascending.
    pub(in crate::receipt) parts: Vec<(u8, u16, String)>,
    /// Those shown as digests.
    pub(in crate::receipt) withheld: Vec<(u8, u16)>,
}

impl Made {
    pub(in crate::receipt) fn new(parts: &[(u8, u16, &str)]) -> Made {
        let parts = parts.iter().map(|(tag, ordinal, text)| (*tag, *ordinal, (*text).to_owned()));
        Made {
            kind: EntryKind::Event,
            received_at: 50,
            parts: parts.collect(),
            withheld: Vec::new(),
        }
    }

    /// The same with one part replaced, added or, with an empty text, left out.
    pub(in crate::receipt) fn with(mut self, tag: u8, ordinal: u16, json: &str) -> Made {
        self.parts.retain(|(t, o, _)| (*t, *o) != (tag, ordinal));
        if !json.is_empty() {
            self.parts.push((tag, ordinal, json.to_owned()));
            self.parts.sort();
        }
        self
    }

    pub(in crate::receipt) fn withhold(mut self, tag: u8, ordinal: u16) -> Made {
        self.withheld.push((tag, ordinal));
        self
    }

    fn shown(&self, slot: u32) -> Shown<'static> {
        let seed =
            Sealer::new(&LedgerKey([1; 32])).seed(&SaltBlock { id: 0, secret: [2; 32] }, slot);
        let digest = |tag: u8, ordinal: u16, json: &str| {
            let part = PartBytes { tag, ordinal, bytes: json.as_bytes() };
            commitment::digest(part, &seed.salt(tag, ordinal))
        };
        let root = commitment::event_root(
            self.parts
                .iter()
                .map(|(tag, ordinal, json)| (*tag, *ordinal, digest(*tag, *ordinal, json))),
        );
        let entry = Entry { kind: self.kind, received_at: Timestamp(self.received_at), root };
        let parts = self.parts.iter().map(|(tag, ordinal, json)| ShownPart {
            tag: *tag,
            ordinal: *ordinal,
            content: if self.withheld.contains(&(*tag, *ordinal)) {
                Content::Withheld { digest: digest(*tag, *ordinal, json), by: None }
            } else {
                Content::Opened { salt: seed.salt(*tag, *ordinal), json: Cow::Owned(json.clone()) }
            },
        });
        Shown { entry: entry.encode(), parts: parts.collect() }
    }
}

/// The receipt of these records at the end of a tree that has three others before them.
pub(in crate::receipt) fn receipt(records: &[Made]) -> Receipt<'static> {
    let events: Vec<_> = (0..).zip(records).map(|(slot, made)| made.shown(slot)).collect();
    let before = (0_u8..3).map(|number| hash::leaf_hash(&[number]));
    let leaves: Vec<Hash> =
        before.chain(events.iter().map(|event| hash::leaf_hash(&event.entry))).collect();
    let mut tree = CompactRange::new();
    let mut nodes = std::collections::BTreeMap::new();
    for leaf in &leaves {
        tree.push_with(*leaf, |node, hash| {
            nodes.insert((node.level, node.index), hash);
        });
    }
    let (size, root) = (tree.size(), tree.root());
    let proof = tlog::proof::range::<()>(3, leaves.len() as u64, TreeSize(size.0), &mut |node| {
        Ok(nodes[&(node.level, node.index)])
    });
    let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size, root }.sign(&key());
    Receipt {
        origin: Cow::Borrowed(ORIGIN),
        index: Index(3),
        proof: proof.unwrap(),
        checkpoint: Cow::Owned(checkpoint),
        events,
    }
}

/// What comes of checking these records against an event, with the key pinned.
pub(in crate::receipt) fn check(records: &[Made], event: Option<&str>) -> Report {
    let keys = pinned();
    let given = Given { event: event.map(str::as_bytes), keys: &keys, stream: None };
    verify(receipt(records).to_json().as_bytes(), &given)
}

/// The exit code of `check`.
pub(in crate::receipt) fn exit(record: Made, event: Option<&str>) -> u8 {
    check(&[record], event).conclusion.code()
}

#[test]
fn a_stored_record_becomes_a_receipt() {
    let item = br#"{"action":"invoice.approve","actor":"ana","targets":[{"type":"invoice","id":"1","owner":"bo"}]}"#;
    let event = Event::parse(item).unwrap();
    let (tenant, producer) = (TenantId::parse("default").unwrap(), ProducerId::parse("p").unwrap());
    let context = canonical::Context {
        tenant: &tenant,
        producer: &producer,
        mapping: Some("cloudtrail/1"),
        peer_ip: Some("192.0.2.7"),
        credential: Some("k"),
    };
    let stamps = canonical::Stamps::new(
        &event,
        &context,
        Some((Instance([3; 16]), Seq(9))),
        || unreachable!(),
    );
    let parts = canonical::parts(&event, &stamps);
    let block = SaltBlock { id: 5, secret: [6; 32] };
    let seed = Sealer::new(&LedgerKey([4; 32])).seed(&block, 77);
    let mut payload = Vec::new();
    record::encode(&parts, block.id, 77, &mut payload);
    let stored = record::Record::decode(&payload).unwrap();
    let entry = Entry {
        kind: EntryKind::Event,
        received_at: Timestamp(1_700_000_000_000_000_000),
        root: stored.root_under(&seed),
    };
    for (withheld, due) in [(None, 0), (Some(7), 0), (Some(6), 11), (Some(8), 11)] {
        let disclose =
            |tag, _| if Some(tag) == withheld { Disclosure::Withhold } else { Disclosure::Open };
        let shown = show(&entry, &stored, &seed, disclose).unwrap();
        let leaf = hash::leaf_hash(&shown.entry);
        let size = TreeSize(1);
        let checkpoint = Checkpoint { origin: ORIGIN.into(), size, root: leaf };
        let receipt = Receipt {
            origin: ORIGIN.into(),
            index: Index(0),
            proof: Vec::new(),
            checkpoint: checkpoint.sign(&key()).into(),
            events: vec![shown],
        };
        let keys = pinned();
        let given = Given { event: Some(item), keys: &keys, stream: None };
        let report = verify(receipt.to_json().as_bytes(), &given);
        assert_eq!(report.conclusion.code(), due, "{withheld:?}\n{}", report.lines().join("\n"));
    }
}
