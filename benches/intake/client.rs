//! The load: as many connections as asked, each posting one notice after the other, all on the
//! calling thread. It reads no more of an answer than it must.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::Arguments;
use crate::figures::Cell;
use crate::notices::Notices;

/// Posts until the time is up or the notices are.
pub fn post(address: SocketAddr, notices: &Notices, arguments: &Arguments) -> Cell {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime can be made").block_on(async {
        let mut streams = Vec::with_capacity(arguments.connections);
        for _ in 0..arguments.connections {
            let stream = TcpStream::connect(address).await.expect("the server listens");
            stream.set_nodelay(true).expect("it is a TCP connection");
            streams.push(stream);
        }
        let next = AtomicUsize::new(0);
        let start = Instant::now();
        let end = start + Duration::from_secs_f64(arguments.seconds);
        let micros = join_all(streams.into_iter().map(|s| connection(s, notices, &next, end)));
        let micros = micros.await.concat();
        Cell::new(start.elapsed(), micros)
    })
}

/// One connection; the latencies of its requests.
async fn connection(
    mut stream: TcpStream,
    notices: &Notices,
    next: &AtomicUsize,
    end: Instant,
) -> Vec<u32> {
    let mut micros = Vec::new();
    let mut answer = [0_u8; 4096];
    while let Some(request) = notices.get(next.fetch_add(1, Ordering::Relaxed)) {
        let sent = Instant::now();
        if sent >= end {
            break;
        }
        stream.write_all(request).await.expect("the server reads");
        let mut read = 0;
        while !is_whole(&answer[..read]) {
            match stream.read(&mut answer[read..]).await.expect("the server answers") {
                0 => panic!("cut off: {}", String::from_utf8_lossy(&answer[..read])),
                more => read += more,
            }
        }
        let answer = &answer[..read];
        assert!(answer.starts_with(b"HTTP/1.1 202 "), "{}", String::from_utf8_lossy(answer));
        micros.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
    micros
}

/// Whether the head of an answer and as much of a body as it announces are there.
fn is_whole(answer: &[u8]) -> bool {
    let Some(head) = answer.windows(4).position(|end| end == b"\r\n\r\n") else { return false };
    let length = answer[..head].split(|byte| *byte == b'\n').find_map(|line| {
        let (name, value) = line.split_at_checked("content-length:".len())?;
        if !name.eq_ignore_ascii_case(b"content-length:") {
            return None;
        }
        std::str::from_utf8(value).ok()?.trim().parse::<usize>().ok()
    });
    answer.len() >= head + 4 + length.expect("surveyd announces the length of what it answers")
}
