//! The layer on a real tonic server: a gRPC call is 200 whatever comes of it, and its trailers say what.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, BufMut};
use futures::stream::{self, Stream, StreamExt};
use indelible_client::{Actor, Audit, Rule, Settings};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::server::{TcpConnectInfo, TcpIncoming};
use tonic::{Code, Request, Response, Status};

use crate::fake::connection;
use crate::tasks::{nobody, spooled};

const SHORT: Duration = Duration::from_millis(100);

/// Texts as they are: no schema compiler is needed for them.
#[derive(Debug, Clone, Copy, Default)]
struct Texts;

impl Codec for Texts {
    type Encode = String;
    type Decode = String;
    type Encoder = Texts;
    type Decoder = Texts;

    fn encoder(&mut self) -> Texts {
        Texts
    }

    fn decoder(&mut self) -> Texts {
        Texts
    }
}

impl Encoder for Texts {
    type Item = String;
    type Error = Status;

    fn encode(&mut self, text: String, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put_slice(text.as_bytes());
        Ok(())
    }
}

impl Decoder for Texts {
    type Item = String;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<String>, Status> {
        let bytes = from.copy_to_bytes(from.remaining());
        Ok(Some(String::from_utf8(bytes.to_vec()).unwrap()))
    }
}

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Texted = Pin<Box<dyn Stream<Item = Result<String, Status>> + Send>>;

/// Answers what it is asked for: `ok`, or the number of a status.
#[derive(Clone)]
struct Invoices;

fn answer(asked: &str) -> Result<String, Status> {
    match asked.parse::<i32>() {
        Ok(code) => Err(Status::new(Code::from(code), "as you asked")),
        Err(_) => Ok(asked.to_owned()),
    }
}

impl tonic::server::UnaryService<String> for Invoices {
    type Response = String;
    type Future = Boxed<Result<Response<String>, Status>>;

    fn call(&mut self, request: Request<String>) -> Self::Future {
        Box::pin(async move {
            if let Some(audited) = request.extensions().get::<indelible_client::Audited>() {
                audited.actor(&Actor::service("shop"));
                audited.note(|event| event.target("invoice", request.get_ref()));
            }
            answer(request.get_ref()).map(Response::new)
        })
    }
}

impl tonic::server::ServerStreamingService<String> for Invoices {
    type Response = String;
    type ResponseStream = Texted;
    type Future = Boxed<Result<Response<Texted>, Status>>;

    fn call(&mut self, request: Request<String>) -> Self::Future {
        let last = answer(request.get_ref());
        let texts = stream::iter([Ok("first".to_owned()), last]);
        Box::pin(async move { Ok(Response::new(texts.boxed())) })
    }
}

impl tonic::server::NamedService for Invoices {
    const NAME: &'static str = "billing.v1.Invoices";
}

impl tower::Service<http::Request<tonic::body::Body>> for Invoices {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = Boxed<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(Texts);
            match request.uri().path() {
                "/billing.v1.Invoices/List" => Ok(grpc.server_streaming(Invoices, request).await),
                _ => Ok(grpc.unary(Invoices, request).await),
            }
        })
    }
}

/// A running server behind the layer.
async fn serve(audit: &Audit) -> tonic::client::Grpc<tonic::transport::Channel> {
    let settings = audit.layer().peer(|extensions| {
        extensions.get::<TcpConnectInfo>()?.remote_addr().map(|address| address.ip())
    });
    let must = Rule::action("invoice.void").must_commit();
    let layer = settings.rule("/billing.v1.Invoices/Void", must).build().unwrap();
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", incoming.local_addr().unwrap());
    let server = tonic::transport::Server::builder().layer(layer).add_service(Invoices);
    tokio::spawn(server.serve_with_incoming(incoming));
    let channel = tonic::transport::Channel::from_shared(url).unwrap().connect().await.unwrap();
    tonic::client::Grpc::new(channel)
}

type Client = tonic::client::Grpc<tonic::transport::Channel>;

async fn unary(client: &mut Client, path: &'static str, asked: &str) -> Result<String, Status> {
    client.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static(path);
    let answered = client.unary(Request::new(asked.to_owned()), path, Texts).await;
    answered.map(Response::into_inner)
}

/// What a stream gave, and how it ended.
async fn list(client: &mut Client, asked: &str) -> (Vec<String>, Option<Status>) {
    client.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static("/billing.v1.Invoices/List");
    let answered = client.server_streaming(Request::new(asked.to_owned()), path, Texts).await;
    let mut texts = answered.unwrap().into_inner();
    let mut given = Vec::new();
    loop {
        match texts.message().await {
            Ok(Some(text)) => given.push(text),
            Ok(None) => return (given, None),
            Err(status) => return (given, Some(status)),
        }
    }
}

#[tokio::test]
async fn a_call_ended_as_its_trailers_say() {
    let cases = [
        ("ok", "success", "grpc:0"),
        ("7", "denied", "grpc:7"),
        ("16", "denied", "grpc:16"),
        ("5", "failure", "grpc:5"),
        ("13", "failure", "grpc:13"),
    ];
    for (asked, outcome, code) in cases {
        let (audit, recorder) = Audit::recorder("billing-api").unwrap();
        let mut client = serve(&audit).await;
        let answered = unary(&mut client, "/billing.v1.Invoices/Approve", asked).await;
        assert_eq!(answered.is_ok(), asked == "ok", "{asked}");
        let (given, status) = list(&mut client, asked).await;
        let last = (asked == "ok").then(|| asked.to_owned());
        assert!(given.into_iter().eq(["first".to_owned()].into_iter().chain(last)), "{asked}");
        assert_eq!(status.is_none(), asked == "ok", "{asked}");
        let approve = recorder.expect("billing.v1.Invoices.Approve").outcome(outcome);
        let approve = approve.with("/outcome/code", code).with("/origin/ip", "127.0.0.1");
        approve.actor("shop").with("/targets/1/id", asked).once();
        let list = recorder.expect("billing.v1.Invoices.List").outcome(outcome);
        list.with("/outcome/code", code).actor("anonymous").once();
        assert_eq!(recorder.events().len(), 2);
    }
}

#[tokio::test]
async fn a_call_ends_once_its_event_is_in_the_spool() {
    let root = tempfile::tempdir().unwrap();
    let settings = Settings::new(root.path()).commit_wait(SHORT);
    let audit = Audit::open("billing-api", &connection(&nobody()), settings).unwrap();
    let mut client = serve(&audit).await;
    for number in 0..30 {
        let target = format!("spooled-{number:04}");
        unary(&mut client, "/billing.v1.Invoices/Approve", &target).await.unwrap();
        assert!(spooled(root.path(), &target), "{target} was answered and is not in the spool");
    }
    let status = unary(&mut client, "/billing.v1.Invoices/Void", "a").await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "it must be committed and is not: {status}");
    assert!(status.message().contains("the call was made"), "{status}");
}

#[tokio::test]
async fn a_call_that_is_left_is_an_event() {
    let (audit, recorder) = Audit::recorder("billing-api").unwrap();
    let mut client = serve(&audit).await;
    client.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static("/billing.v1.Invoices/List");
    let request = Request::new("ok".to_owned());
    let texts = client.server_streaming(request, path, Texts).await.unwrap();
    drop(texts);
    // The connection goes, and with it whatever was still open.
    drop(client);
    let deadline = tokio::time::timeout(Duration::from_secs(30), async {
        while recorder.events().is_empty() {
            tokio::task::yield_now().await;
        }
    });
    deadline.await.unwrap();
    assert_eq!(recorder.expect("billing.v1.Invoices.List").count(), 1);
}
