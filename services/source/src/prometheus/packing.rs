//! Bodies as they were before they were packed (RFC 9110, 8.4): what a server, or a proxy before it, did unasked is undone.

use std::io;

use async_compression::tokio::bufread::{GzipDecoder, ZlibDecoder};
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use reqwest::Response;
use reqwest::header::{CONTENT_ENCODING, HeaderMap};
use tokio::io::{AsyncBufRead, AsyncRead, BufReader};
use tokio_util::io::{ReaderStream, StreamReader};

/// Packings within packings at most: one of the server, one of the proxy before it.
const MAX_LAYERS: usize = 2;

/// One way of packing that is undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    Gzip,
    Zlib,
}

/// The body of an answer, a piece at a time.
pub(super) enum Body {
    /// As it comes.
    Plain(Response),
    /// Unpacked while it comes.
    Packed(ReaderStream<Box<dyn AsyncRead + Send + Unpin>>),
}

/// Why a body ended early.
#[derive(Debug)]
pub(super) enum Broken {
    /// The connection.
    Transport(reqwest::Error),
    /// What came is not what its headers say.
    Packing(io::Error),
}

impl Body {
    /// Of an answer. What is packed in a way that is not undone is named.
    pub(super) fn of(response: Response) -> Result<Self, String> {
        let packings = packings(response.headers())?;
        if packings.is_empty() {
            return Ok(Self::Plain(response));
        }
        let stream = response.bytes_stream().map_err(io::Error::other).boxed();
        let mut reader: Box<dyn AsyncBufRead + Send + Unpin> = Box::new(StreamReader::new(stream));
        // What was done last is undone first.
        for packing in packings.into_iter().rev() {
            reader = Box::new(BufReader::new(unpacked(packing, reader)));
        }
        Ok(Self::Packed(ReaderStream::new(Box::new(reader))))
    }

    /// The next piece; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Broken> {
        match self {
            Self::Plain(response) => response.chunk().await.map_err(Broken::Transport),
            Self::Packed(pieces) => pieces.next().await.transpose().map_err(broken),
        }
    }

    /// How many bytes were announced; what is packed says nothing about it.
    pub(super) fn announced(&self) -> Option<u64> {
        match self {
            Self::Plain(response) => response.content_length(),
            Self::Packed(_) => None,
        }
    }
}

fn unpacked(packing: Packing, packed: Box<dyn AsyncBufRead + Send + Unpin>) -> Box<dyn AsyncRead + Send + Unpin> {
    match packing {
        Packing::Gzip => {
            let mut decoder = GzipDecoder::new(packed);
            // A file of gzip may have several members (RFC 1952, 2.2).
            decoder.multiple_members(true);
            Box::new(decoder)
        }
        Packing::Zlib => Box::new(ZlibDecoder::new(packed)),
    }
}

/// The connection's error comes through the decoder wrapped.
fn broken(error: io::Error) -> Broken {
    match error.downcast::<reqwest::Error>() {
        Ok(error) => Broken::Transport(error),
        Err(error) => Broken::Packing(error),
    }
}

/// How a body was packed, in order. Names of codings have no case, and `x-gzip` is another name of gzip (RFC 9110, 8.4.1);
/// several may stand in one line, or in several lines. Remote read names by this header what it packs itself.
fn packings(headers: &HeaderMap) -> Result<Vec<Packing>, String> {
    let mut found = Vec::new();
    for (at, name) in headers.get_all(CONTENT_ENCODING).iter().flat_map(names).enumerate() {
        match name.as_str() {
            "" | "identity" => {}
            "snappy" if at == 0 => {}
            "gzip" | "x-gzip" if found.len() < MAX_LAYERS => found.push(Packing::Gzip),
            "deflate" if found.len() < MAX_LAYERS => found.push(Packing::Zlib),
            _ => return Err(name),
        }
    }
    Ok(found)
}

fn names(value: &reqwest::header::HeaderValue) -> Vec<String> {
    let text = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
    text.split(',').map(|name| name.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn codings_have_no_case_and_several_names() {
        use Packing::{Gzip, Zlib};
        for (lines, wanted) in [
            (&[][..], Ok(&[][..])),
            (&["identity"], Ok(&[])),
            (&["GZIP"], Ok(&[Gzip])),
            (&["x-gzip"], Ok(&[Gzip])),
            (&["X-GZip"], Ok(&[Gzip])),
            (&["Deflate , gzip"], Ok(&[Zlib, Gzip])),
            (&["gzip", "Identity", "x-gzip"], Ok(&[Gzip, Gzip])),
            (&["snappy"], Ok(&[])),
            (&["snappy, gzip"], Ok(&[Gzip])),
            (&["gzip, snappy"], Err("snappy")),
            (&["gzip, gzip, gzip"], Err("gzip")),
            (&["BR"], Err("br")),
            (&["x-compress"], Err("x-compress")),
            (&["gzip, zstd"], Err("zstd")),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(CONTENT_ENCODING, HeaderValue::from_static(line));
            }
            let found = packings(&headers);
            assert_eq!(found.as_deref().map_err(String::as_str), wanted, "{lines:?}");
        }
    }
}
