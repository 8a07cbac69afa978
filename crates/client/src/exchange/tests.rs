//! A stream that falls silent, as a connection does whose other end is gone without a word.

use std::io::{Read, Write};
use std::net::TcpListener;

use super::*;

#[test]
fn a_body_that_falls_silent_is_broken_off() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let connection = Connection {
        url: format!("http://{}", listener.local_addr().unwrap()),
        token: "ind_aaaaaaaa_secret".to_owned(),
        tenant: String::new(),
        checkpoint_keys: Vec::new(),
    };
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        assert_ne!(stream.read(&mut [0; 4096]).unwrap(), 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n: first\n").unwrap();
        // It stays open and says nothing more, until the client goes.
        let _ = stream.read(&mut [0; 1]);
    });
    let exchange = Exchange::new(&connection).unwrap();
    let mut body = exchange.open("/v1/tail/x", Duration::from_millis(50)).unwrap().unwrap();
    let mut said = [0; 64];
    let count = body.read(&mut said).unwrap();
    assert_eq!(&said[..count], b": first\n");
    assert!(body.read(&mut said).is_err(), "who waits here waits for ever");
    drop(body);
    server.join().unwrap();
}
