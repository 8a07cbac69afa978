//! A stop is heard whatever the connections do.

use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// Far above what a stop takes, on a loaded machine too.
const DEADLINE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_stop_is_heard_while_every_place_is_taken_by_an_idle_connection() {
    let listener = bind("127.0.0.1:0", Plaintext::LoopbackOnly).await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let router = Router::new().route("/", get(|| async { "here" }));
    let limits = Limits { header_timeout: 10 * DEADLINE, connections_max: 1 };
    let (stop, stopped) = watch::channel(false);
    let serving = tokio::spawn(serve(listener, router, limits, stopped));
    let mut idle = TcpStream::connect(address).await.expect("the one place");
    idle.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("a request");
    let mut answer = Vec::new();
    while !answer.ends_with(b"here") {
        assert!(idle.read_buf(&mut answer).await.expect("an answer") > 0, "{answer:?}");
    }
    stop.send_replace(true);
    let ended = tokio::time::timeout(DEADLINE, serving).await;
    ended.expect("the stop was not heard").expect("it ends by itself");
    assert_eq!(idle.read_buf(&mut answer).await.ok(), Some(0), "an idle connection is closed");
}
