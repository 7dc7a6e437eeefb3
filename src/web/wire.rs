//! A connection to a client that ends if a write makes no progress for too long.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

pub struct Wire {
    stream: TcpStream,
    /// How long a write may make no progress.
    patience: Duration,
    /// The timer of a write that makes no progress.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Wire {
    pub fn new(stream: TcpStream, patience: Duration) -> Self {
        Self { stream, patience, stalled: None }
    }

    fn written(
        &mut self,
        write: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if write.is_ready() {
            self.stalled = None;
            return write;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(self.patience)));
        stalled.as_mut().poll(context).map(|()| {
            Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes no more of its answer"))
        })
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.stalled.is_some() {
            // Otherwise the kernel would keep the unread bytes and offer them for minutes.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(write, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.written(write, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    // A socket has no buffer of its own to flush, so neither function waits.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// Both ends of a connection.
    async fn connected(patience: Duration) -> (Wire, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        (Wire::new(accepted.unwrap().0, patience), client.unwrap())
    }

    #[tokio::test]
    async fn a_client_that_never_reads_ends_the_write() {
        let (mut wire, client) = connected(Duration::from_millis(50)).await;
        let ended = wire.write_all(&vec![0; 64 << 20]).await.unwrap_err();
        assert_eq!(ended.kind(), io::ErrorKind::TimedOut);
        drop(wire);
        client.readable().await.unwrap();
        let mut rest = vec![0; 64 << 20];
        let reset = loop {
            match client.try_read(&mut rest) {
                Ok(0) => panic!("the end is orderly, so the kernel has kept what was not taken"),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    client.readable().await.unwrap();
                }
                Err(error) => break error.kind(),
            }
        };
        assert_eq!(reset, io::ErrorKind::ConnectionReset);
    }

    #[tokio::test]
    async fn a_client_that_reads_in_its_own_time_gets_everything() {
        let (mut wire, mut client) = connected(Duration::from_secs(60)).await;
        let all = 16 << 20;
        let write = async {
            wire.write_all(&vec![7; all]).await.unwrap();
            drop(wire);
        };
        let read = async {
            let (mut part, mut got) = (vec![0; 100_000], 0);
            loop {
                tokio::task::yield_now().await;
                match client.read(&mut part).await.unwrap() {
                    0 => break got,
                    n => got += n,
                }
            }
        };
        assert_eq!(tokio::join!(write, read).1, all);
    }
}
