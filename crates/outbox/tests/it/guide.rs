//! The Rust of `docs/guide/record-from-rust.md`, compiled: every block of that page is a passage of this file, letter by letter.
//!
//! A passage stands between `// page` and `// end`; what the page leaves out, as a reader would, stands around it. Promises: a
//! block that does not compile cannot be on the page, and none is forgotten. Refuses to run them: most want a server or a database.
#![expect(unused_qualifications, reason = "a reader sees where a name comes from")]
#![expect(dead_code, reason = "what is on the page is compiled and, but for one block, not run")]

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::{ConnectInfo, Extension, MatchedPath};
use axum::http::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use indelible_client::{Actor, Audit, Audited, Connection, Rule};
use sqlx::PgPool;
use tonic::body::Body;
use tonic::server::NamedService;
use tower::Service;

type Done = Result<(), Box<dyn Error>>;

const PAGE: &str = include_str!("../../../../docs/guide/record-from-rust.md");
const THIS: &str = include_str!("guide.rs");

#[rustfmt::skip]
fn first() -> Done {
    // page
    let audit = indelible_client::Audit::from_env("billing-api")?;
    audit.record("invoice.approve").actor("ana@acme").target("invoice", "10021").denied().send()?;
    // end
    Ok(())
}

fn pay(_invoice: u32) -> Done {
    Ok(())
}

#[rustfmt::skip]
fn however_it_ends(audit: &Audit) -> Done {
    // page
    let watch = audit.record("invoice.pay").actor("ana@acme").target("invoice", "10021").watch();
    pay(10021)?;           // left here, by a panic, or by a task that is cancelled: `failure`
    watch.succeeded()?;

    audit.record("invoice.pay").actor("ana@acme").around(|watch| {
        watch.note(|event| event.attr("amount", 48_200));
        pay(10021)         // Ok: `success`; Err: `failure`, unless the work noted another outcome
    })?;
    // end
    Ok(())
}

#[derive(Debug, Clone)]
struct User {
    id: String,
}

#[rustfmt::skip]
fn every_call<S>(audit: &Audit, invoices: S) -> Done
where
    S: Service<Request<Body>, Error = Infallible> + NamedService + Clone + Send + Sync + 'static,
    S::Response: IntoResponse,
    S::Future: Send + 'static,
{
    // page
    let layer = audit
        .layer()
        .actor(|extensions| extensions.get::<User>().map(|user| Actor::human(&user.id)))
        .route(|extensions| extensions.get::<MatchedPath>().map(|path| path.as_str().to_owned()))
        .peer(|extensions| extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip()))
        .behind(&["10.0.0.0/8"])
        .rule("POST /invoices/{id}/approve", Rule::action("invoice.approve").target("invoice", "id").must_commit())
        .rule("/billing.v1.Invoices/Pay", Rule::action("invoice.pay"))
        .rule("GET /health", Rule::skip())
        .build()?;
    let app = Router::new().route("/invoices/{id}/approve", post(approve)).layer(layer.clone());
    let grpc = tonic::transport::Server::builder().layer(layer).add_service(invoices);
    // end
    let app: Router = app;
    drop((app.into_make_service(), grpc.serve(SocketAddr::from(([127, 0, 0, 1], 0)))));
    Ok(())
}

#[rustfmt::skip]
// page
async fn approve(Extension(audited): Extension<Audited>) -> Response {
    audited.actor(&Actor::human("ana@acme"));
    audited.note(|event| event.changed("/status", "pending", "approved"));
    "approved".into_response()
}
// end

#[rustfmt::skip]
async fn with_the_data(pool: PgPool) -> Done {
    // page
    let outbox = indelible_outbox::Outbox::new("billing-api")?;
    let mut transaction = pool.begin().await?;
    sqlx::query("UPDATE invoices SET paid = true WHERE id = $1").bind(10021).execute(&mut *transaction).await?;
    outbox.enqueue(&mut transaction, outbox.record("invoice.pay").actor("ana@acme").target("invoice", "10021").succeeded()).await?;
    transaction.commit().await?;
    // end
    Ok(())
}

#[rustfmt::skip]
async fn relay(pool: PgPool, connection: Connection) -> Done {
    indelible_outbox::create(&pool).await?;
    // page
    let relay = indelible_outbox::Relay::new(pool, &connection)?.on_trouble(|trouble| eprintln!("{trouble:?}"));
    tokio::spawn(async move { relay.run().await });
    // end
    Ok(())
}

#[rustfmt::skip]
fn in_tests(invoice: u32) -> Done {
    let approve = |audit: &Audit, invoice: u32| {
        audit.record("invoice.approve").actor("ana@acme").target("invoice", &invoice.to_string()).denied().send()
    };
    // page
    let (audit, recorder) = indelible_client::Audit::recorder("billing-api")?;
    approve(&audit, invoice)?;
    recorder.expect("invoice.approve").actor("ana@acme").outcome("denied").once();
    // end
    Ok(())
}

/// What stands between lines `from` and `to`, without the indent of its first line.
fn between(text: &str, from: &str, to: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for line in text.lines() {
        match &mut open {
            None if line.trim() == from => open = Some((usize::MAX, String::new())),
            None => {}
            Some(_) if line.trim() == to => found.extend(open.take().map(|(_, block)| block)),
            Some((indent, block)) => {
                if *indent == usize::MAX {
                    *indent = line.len() - line.trim_start().len();
                }
                let dedented = line.get(*indent..).unwrap_or_default();
                *block += &format!("{dedented}\n");
            }
        }
    }
    assert!(open.is_none(), "a block without an end");
    found
}

#[test]
fn every_block_of_the_guide_is_compiled() {
    let compiled = between(THIS, "// page", "// end");
    let printed = between(PAGE, "```rust", "```");
    assert!(printed.len() >= 7 && PAGE.matches("```rust").count() == printed.len());
    assert_eq!(printed, compiled, "the page and what is compiled differ");
    // A block that nobody compiled, and one that lost a letter, are found.
    for wrong in
        ["```rust\nlet audit = 1;\n```\n", &PAGE.replacen("from_env(\"b", "from_en(\"b", 1)]
    {
        assert_ne!(between(wrong, "```rust", "```"), compiled);
    }
}

#[test]
fn the_block_for_tests_works_as_printed() {
    in_tests(10021).unwrap();
}
