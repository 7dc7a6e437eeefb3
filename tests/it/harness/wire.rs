//! A wire to X that can be taken down while the connections over it live on.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

pub struct Wire {
    address: SocketAddr,
    far_end: SocketAddr,
    listening: Option<JoinHandle<JoinSet<()>>>,
    /// Connections of the times before the wire was taken down.
    living: Vec<JoinSet<()>>,
    hang_up: Option<tokio::sync::oneshot::Sender<()>>,
}

impl Wire {
    /// A wire whose near end has an address and whose far end is connected later.
    pub async fn reserve() -> (TcpListener, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        (listener, base_url)
    }

    pub fn connect(near_end: TcpListener, far_end: SocketAddr) -> Self {
        let address = near_end.local_addr().unwrap();
        let mut wire =
            Self { address, far_end, listening: None, living: Vec::new(), hang_up: None };
        wire.listen(near_end);
        wire
    }

    fn listen(&mut self, listener: TcpListener) {
        let far_end = self.far_end;
        let (hang_up, mut hung_up) = tokio::sync::oneshot::channel();
        self.hang_up = Some(hang_up);
        self.listening = Some(tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    _ = &mut hung_up => return connections,
                    accepted = listener.accept() => {
                        let mut near = accepted.unwrap().0;
                        connections.spawn(async move {
                            let mut far = TcpStream::connect(far_end).await.unwrap();
                            let _ = copy_bidirectional(&mut near, &mut far).await;
                        });
                    }
                }
            }
        }));
    }

    /// New connections are refused from now on.
    pub async fn take_down(&mut self) {
        drop(self.hang_up.take());
        let listening = self.listening.take().expect("the wire is up");
        self.living.push(listening.await.unwrap());
    }

    pub async fn put_up(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.listen(listener);
    }
}
