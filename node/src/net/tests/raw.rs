//! A peer that speaks the right protocols and keeps none of the rules: any bytes as requests, any address records.

use std::io;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt};
use libp2p::kad::{self, store::MemoryStore};
use libp2p::request_response::{self, Message, OutboundFailure, ProtocolSupport};
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder, identify, tcp, tls, yamux};
use protocol::talk::{Request, Response};
use protocol::wire;

use super::super::behaviour::kad_protocol;
use super::super::codec::PROTOCOL;
use super::{PATIENCE, TCP, hello, key, market};

/// Bytes as they are.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct AnyBytes;

async fn read_all<S: AsyncRead + Unpin + Send>(stream: &mut S) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    Ok(bytes)
}

impl request_response::Codec for AnyBytes {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
    ) -> io::Result<Vec<u8>> {
        read_all(io).await
    }

    async fn read_response<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
    ) -> io::Result<Vec<u8>> {
        read_all(io).await
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, bytes: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&bytes).await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, bytes: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&bytes).await
    }
}

#[derive(NetworkBehaviour)]
pub(super) struct RawBehaviour {
    talk: request_response::Behaviour<AnyBytes>,
    pub(super) kad: kad::Behaviour<MemoryStore>,
    identify: identify::Behaviour,
}

/// The peer itself. It lives only while one of its methods is awaited.
pub(super) struct Raw {
    pub(super) swarm: Swarm<RawBehaviour>,
    /// What it answers to every request.
    pub(super) answer: Vec<u8>,
}

impl Raw {
    pub(super) async fn start(seed: u8) -> Raw {
        let keypair = key(seed);
        let peer = keypair.public().to_peer_id();
        let mut kad =
            kad::Behaviour::with_config(peer, MemoryStore::new(peer), kad::Config::new(kad_protocol(&market())));
        kad.set_mode(Some(kad::Mode::Server));
        let talk = request_response::Behaviour::with_codec(
            AnyBytes,
            [(PROTOCOL, ProtocolSupport::Full)],
            request_response::Config::default(),
        );
        let identify = identify::Behaviour::new(identify::Config::new("souk/1".into(), keypair.public()));
        let mut swarm = SwarmBuilder::with_existing_identity(keypair)
            .with_tokio()
            .with_tcp(tcp::Config::default(), tls::Config::new, yamux::Config::default)
            .unwrap()
            .with_quic()
            .with_behaviour(|_| RawBehaviour { talk, kad, identify })
            .unwrap()
            .build();
        swarm.listen_on(TCP.parse().unwrap()).unwrap();
        let mut raw = Raw { swarm, answer: wire::encode(&Response::Done) };
        raw.drive("listening", |event| matches!(event, SwarmEvent::NewListenAddr { .. }).then_some(())).await;
        raw
    }

    pub(super) fn place(&self) -> Multiaddr {
        self.swarm.listeners().next().cloned().unwrap()
    }

    /// Lives until `pick` finds what it wants.
    pub(super) async fn drive<T>(
        &mut self,
        what: &str,
        mut pick: impl FnMut(&SwarmEvent<RawBehaviourEvent>) -> Option<T>,
    ) -> T {
        let live = async {
            loop {
                let event = self.swarm.select_next_some().await;
                let found = pick(&event);
                if let SwarmEvent::Behaviour(RawBehaviourEvent::Talk(request_response::Event::Message {
                    message: Message::Request { channel, .. },
                    ..
                })) = event
                {
                    let _ = self.swarm.behaviour_mut().talk.send_response(channel, self.answer.clone());
                }
                if let Some(found) = found {
                    return found;
                }
            }
        };
        tokio::time::timeout(PATIENCE, live).await.unwrap_or_else(|_| panic!("waited too long for {what}"))
    }

    /// Lives while `other` happens.
    pub(super) async fn during<T>(&mut self, other: impl Future<Output = T>) -> T {
        tokio::select! {
            done = other => done,
            () = self.drive("nothing", |_| None) => unreachable!("it never finds anything"),
        }
    }

    pub(super) async fn connect(&mut self, place: Multiaddr) {
        self.swarm.dial(place).unwrap();
        self.drive("a connection", |event| matches!(event, SwarmEvent::ConnectionEstablished { .. }).then_some(()))
            .await;
    }

    /// Sends bytes as a request. What becomes of it is not looked at.
    pub(super) fn tell(&mut self, to: PeerId, bytes: Vec<u8>) {
        self.swarm.behaviour_mut().talk.send_request(&to, bytes);
    }

    /// Sends bytes as a request and returns the bytes of the response; `None` if the stream failed.
    pub(super) async fn ask(&mut self, to: PeerId, bytes: Vec<u8>) -> Option<Vec<u8>> {
        let asked = self.swarm.behaviour_mut().talk.send_request(&to, bytes);
        self.drive("a response", |event| match event {
            SwarmEvent::Behaviour(RawBehaviourEvent::Talk(event)) => match event {
                request_response::Event::Message { message: Message::Response { request_id, response }, .. } => {
                    (*request_id == asked).then(|| Some(response.clone()))
                }
                request_response::Event::OutboundFailure { request_id, error, .. } if *request_id == asked => {
                    assert!(!matches!(error, OutboundFailure::Timeout), "the other side stalled");
                    Some(None)
                }
                _ => None,
            },
            _ => None,
        })
        .await
    }

    /// Connects and says hello as an honest peer does.
    pub(super) async fn join(&mut self, place: Multiaddr, to: PeerId) {
        self.connect(place).await;
        let response = self.ask(to, wire::encode(&Request::Hello(hello()))).await.unwrap();
        assert!(matches!(wire::decode(&response, wire::RESPONSE_MAX), Ok(Response::Hello(_))));
    }

    /// Lives until the other side has hung up.
    pub(super) async fn wait_closed(&mut self) {
        self.drive("a hang-up", |event| matches!(event, SwarmEvent::ConnectionClosed { .. }).then_some(())).await;
    }
}
