//! What the crate `h2` cannot do: other SETTINGS after the handshake, and a GOAWAY that carries JSON.
//!
//! May import external crates only. Stands between TLS and `h2` and passes frames on whole. It writes its own only
//! between two frames, and swallows the acknowledgement of SETTINGS that `h2` never sent.

use bytes::{BufMut as _, Bytes, BytesMut};
use std::io;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
    BufWriter, DuplexStream,
};
use tokio::sync::mpsc;

/// What `h2` may have written and the peer not yet read, each way.
const BUFFER_BYTES: usize = 64 * 1024;
/// Frames of our own that wait.
const FRAMES_MAX: usize = 8;
/// The largest frame of HTTP/2 where nobody asked for larger ones, and neither `h2` nor we do.
const FRAME_BYTES_MAX: u32 = 16_384;
const PREFACE_BYTES: usize = 24;
const HEAD_BYTES: usize = 9;
const SETTINGS: u8 = 4;
const GO_AWAY: u8 = 7;
const ACK: u8 = 1;
const MAX_CONCURRENT_STREAMS: u16 = 3;

/// Writes frames of our own.
#[derive(Clone)]
pub(crate) struct Wire {
    frames: mpsc::Sender<Own>,
}

enum Own {
    Settings(Bytes),
    Last(Bytes),
}

struct Frame {
    head: [u8; HEAD_BYTES],
    payload: Vec<u8>,
}

impl Wire {
    /// Tells the peer another number of streams. Lost if the connection is gone.
    pub(crate) fn allow_streams(&self, streams: u32) {
        let mut payload = BytesMut::new();
        payload.put_u16(MAX_CONCURRENT_STREAMS);
        payload.put_u32(streams);
        self.frames.try_send(Own::Settings(frame(SETTINGS, &payload))).ok();
    }

    /// Says that streams above `last_stream` were not looked at, and why, and closes the connection.
    pub(crate) fn go_away(&self, last_stream: u32, reason: &str) {
        let json = serde_json::json!({ "reason": reason }).to_string();
        let mut payload = BytesMut::new();
        payload.put_u32(last_stream);
        payload.put_u32(0);
        payload.put_slice(json.as_bytes());
        self.frames.try_send(Own::Last(frame(GO_AWAY, &payload))).ok();
    }
}

/// Puts itself between a connection and `h2`, whose first SETTINGS it changes to `streams`. The future carries the
/// frames and ends with the connection.
pub(crate) fn interpose(
    connection: impl AsyncRead + AsyncWrite + Send + 'static,
    streams: u32,
) -> (DuplexStream, Wire, impl Future<Output = io::Result<()>> + Send) {
    let (inner, ours) = tokio::io::duplex(BUFFER_BYTES);
    let (frames, own) = mpsc::channel(FRAMES_MAX);
    let (from_peer, to_peer) = tokio::io::split(connection);
    let (from_inner, to_inner) = tokio::io::split(ours);
    let carry = async move {
        tokio::select! {
            ended = outwards(from_inner, to_peer, own, streams) => ended,
            ended = inwards(from_peer, to_inner) => ended,
        }
    };
    (inner, Wire { frames }, carry)
}

async fn outwards(
    from: impl AsyncRead + Unpin,
    to: impl AsyncWrite + Unpin,
    mut own: mpsc::Receiver<Own>,
    streams: u32,
) -> io::Result<()> {
    let mut from = BufReader::with_capacity(BUFFER_BYTES, from);
    let mut to = BufWriter::with_capacity(BUFFER_BYTES, to);
    let mut first = read_frame(&mut from).await?;
    limit_streams(&mut first.payload, streams);
    to.write_all(&first.head).await?;
    to.write_all(&first.payload).await?;
    loop {
        if from.buffer().is_empty() {
            to.flush().await?;
        }
        tokio::select! {
            biased;
            Some(frame) = own.recv() => match frame {
                Own::Settings(bytes) => to.write_all(&bytes).await?,
                Own::Last(bytes) => {
                    to.write_all(&bytes).await?;
                    to.flush().await?;
                    return to.shutdown().await;
                }
            },
            filled = from.fill_buf() => {
                if filled?.is_empty() {
                    to.flush().await?;
                    return to.shutdown().await;
                }
                let frame = read_frame(&mut from).await?;
                to.write_all(&frame.head).await?;
                to.write_all(&frame.payload).await?;
            }
        }
    }
}

async fn inwards(from: impl AsyncRead + Unpin, to: impl AsyncWrite + Unpin) -> io::Result<()> {
    let mut from = BufReader::with_capacity(BUFFER_BYTES, from);
    let mut to = to;
    let mut preface = [0; PREFACE_BYTES];
    from.read_exact(&mut preface).await?;
    to.write_all(&preface).await?;
    let mut acknowledged = false;
    loop {
        let frame = read_frame(&mut from).await?;
        let [_, _, _, kind, flags, ..] = frame.head;
        if kind == SETTINGS && flags & ACK != 0 {
            if acknowledged {
                continue;
            }
            acknowledged = true;
        }
        to.write_all(&frame.head).await?;
        to.write_all(&frame.payload).await?;
    }
}

async fn read_frame(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Frame> {
    let mut head = [0; HEAD_BYTES];
    from.read_exact(&mut head).await?;
    let [high, middle, low, ..] = head;
    let bytes = u32::from_be_bytes([0, high, middle, low]);
    if bytes > FRAME_BYTES_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut payload = vec![0; usize::try_from(bytes).unwrap_or(0)];
    from.read_exact(&mut payload).await?;
    Ok(Frame { head, payload })
}

fn limit_streams(settings: &mut [u8], streams: u32) {
    for setting in settings.chunks_exact_mut(6) {
        let (id, value) = setting.split_at_mut(2);
        if *id == MAX_CONCURRENT_STREAMS.to_be_bytes() {
            value.copy_from_slice(&streams.to_be_bytes());
        }
    }
}

fn frame(kind: u8, payload: &[u8]) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_uint(u64::try_from(payload.len()).unwrap_or(u64::MAX), 3);
    frame.put_u8(kind);
    frame.put_u8(0);
    frame.put_u32(0);
    frame.put_slice(payload);
    frame.freeze()
}
