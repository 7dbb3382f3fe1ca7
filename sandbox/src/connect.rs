//! The sandbox as a proxy: a way to itself, under the names of WeChat Pay's hosts.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// WeChat Pay's hosts, for which the sandbox stands in; its certificate is theirs, too.
pub(crate) const HOSTS: [&str; 9] = [
    "api.mch.weixin.qq.com",
    "api2.mch.weixin.qq.com",
    "apihk.mch.weixin.qq.com",
    "apius.mch.weixin.qq.com",
    "apieu.mch.weixin.qq.com",
    "fraud.mch.weixin.qq.com",
    "payapp.weixin.qq.com",
    "api.wechatpay.cn",
    "api2.wechatpay.cn",
];

/// What a plain sandbox says to CONNECT: it has no TLS that could end a tunnel.
pub(crate) const PLAIN: &str = "this sandbox speaks plain http, and WeChat Pay's hosts are only spoken to by https: \
     start it with TLS\n";

/// The longest head of a request for a tunnel.
const LONGEST_HEAD: usize = 16 * 1024;

/// The first byte of a TLS connection: a record of a handshake.
const HANDSHAKE: u8 = 22;

/// Whether the sandbox stands in for this host, with or without the port of https.
pub(crate) fn is_host(authority: &str) -> bool {
    let host = authority.strip_suffix(":443").unwrap_or(authority);
    HOSTS.iter().any(|known| known.eq_ignore_ascii_case(host))
}

/// A connection up to its TLS handshake, whether it begins with that or with CONNECT; `None` when it
/// is refused.
pub(crate) async fn opened(mut stream: TcpStream) -> io::Result<Option<TcpStream>> {
    let mut first = [0];
    if stream.peek(&mut first).await? == 0 || first == [HANDSHAKE] {
        return Ok(Some(stream));
    }
    let mut head = Vec::new();
    // Byte by byte, since what follows is for TLS.
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= LONGEST_HEAD {
            return Ok(None);
        }
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head);
    let mut line = head.lines().next().unwrap_or_default().split(' ');
    let (status, reason) = match (line.next(), line.next()) {
        (Some("CONNECT"), Some(target)) if target.ends_with(":443") && is_host(target) => {
            let answer = b"HTTP/1.1 200 Connection established\r\n\r\n";
            stream.write_all(answer).await?;
            return Ok(Some(stream));
        }
        (Some("CONNECT"), _) => {
            let hosts = HOSTS.join(", ");
            let reason =
                format!("the sandbox stands in for port 443 of {hosts}, and for nothing else\n");
            ("403 Forbidden", reason)
        }
        _ => {
            let reason = "this port speaks TLS; in plain http it only takes CONNECT\n";
            ("400 Bad Request", reason.to_owned())
        }
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{reason}",
        reason.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    Ok(None)
}
