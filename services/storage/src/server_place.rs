//! Where a database server is and how one gets in: `mysql://user@host:3306,host2:3306/database`. A password is no part of
//! it: URLs are shown, logged and typed where others look.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// MySQL's own port.
const USUAL_PORT: u16 = 3306;
/// Nodes of one list at most.
const MAX_NODES: usize = 16;

/// One server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Node {
    /// Name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl Node {
    /// Whether only processes of its own host reach it.
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost"
            || self
                .host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// What a URL names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl {
    /// Who logs in.
    pub user: String,
    /// The nodes of a group, or the one server; at least one.
    pub nodes: Vec<Node>,
    /// The database on it.
    pub database: String,
}

/// Why a text is no such URL: what must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadUrl(pub &'static str);

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes: Vec<String> = self.nodes.iter().map(Node::to_string).collect();
        write!(f, "mysql://{}@{}/{}", self.user, nodes.join(","), self.database)
    }
}

impl FromStr for ServerUrl {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<Self, BadUrl> {
        let rest = text.strip_prefix("mysql://").ok_or(BadUrl("begins with mysql://"))?;
        let (user, rest) = rest
            .rsplit_once('@')
            .ok_or(BadUrl("names a user: mysql://user@host/database"))?;
        if user.contains(':') {
            return Err(BadUrl("holds no password: give it in password_file"));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '$');
        if user.is_empty() || user.len() > 32 || !user.chars().all(plain) {
            return Err(BadUrl("names a user of 1 to 32 letters, digits, _ - . $"));
        }
        let (nodes, database) = rest
            .split_once('/')
            .ok_or(BadUrl("names a database: mysql://user@host/database"))?;
        if database.is_empty() || database.len() > 64 || !database.chars().all(plain) {
            return Err(BadUrl(
                "names a database of 1 to 64 letters, digits, _ - . $, and nothing after it",
            ));
        }
        let nodes: Vec<Node> = nodes.split(',').map(node).collect::<Result<_, _>>()?;
        if nodes.len() > MAX_NODES {
            return Err(BadUrl("names at most 16 nodes"));
        }
        Ok(Self {
            user: user.to_owned(),
            nodes,
            database: database.to_owned(),
        })
    }
}

fn node(text: &str) -> Result<Node, BadUrl> {
    let (host, port) = match text.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(Some((host, port))) => (host, port.strip_prefix(':')),
        Some(None) => return Err(BadUrl("closes each [ of an address with ]")),
        None => text
            .split_once(':')
            .map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':' | '%');
    if host.is_empty() || !host.chars().all(named) {
        return Err(BadUrl("names a host between @ and /"));
    }
    let port = port.map_or(Ok(USUAL_PORT), |port| {
        port.parse().map_err(|_| BadUrl("has ports from 1 to 65535"))
    })?;
    Ok(Node {
        host: host.to_owned(),
        port,
    })
}

/// Where the password comes from, at every login anew.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Password {
    /// There is none.
    #[default]
    None,
    /// It was given; not shown.
    Given(String),
    /// The first line of a file.
    File(PathBuf),
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Given(_) => f.write_str("Given"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

/// A database server, and all that is needed to get in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerPlace {
    /// Nodes, user and database.
    pub url: ServerUrl,
    /// The user's password.
    pub password: Password,
    /// The authority (PEM) that signed the server's certificate; `None` = those that browsers trust.
    pub ca_file: Option<PathBuf>,
    /// Talk in clear text also beyond this host.
    pub insecure: bool,
}

impl ServerPlace {
    /// Without a password, with TLS beyond this host.
    pub fn new(url: ServerUrl) -> Self {
        Self {
            url,
            password: Password::None,
            ca_file: None,
            insecure: false,
        }
    }

    /// Whether the way to this node is encrypted: always when an authority is named, else wherever others could listen.
    pub fn encrypts(&self, node: &Node) -> bool {
        self.ca_file.is_some() || !(self.insecure || node.is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_url_names() {
        let url: ServerUrl = "mysql://sla@db1,db2:3307,[::1]:3308/prod_sla".parse().unwrap();
        let nodes: Vec<(&str, u16)> = url.nodes.iter().map(|node| (node.host.as_str(), node.port)).collect();
        assert_eq!(nodes, [("db1", 3306), ("db2", 3307), ("::1", 3308)]);
        assert_eq!((url.user.as_str(), url.database.as_str()), ("sla", "prod_sla"));
        assert_eq!(url.to_string(), "mysql://sla@db1:3306,db2:3307,[::1]:3308/prod_sla");
        assert!(url.nodes[2].is_loopback() && !url.nodes[0].is_loopback());
        let place = ServerPlace::new(url);
        assert!(place.encrypts(&place.url.nodes[0]) && !place.encrypts(&place.url.nodes[2]));
    }

    #[test]
    fn what_is_no_url_says_why() {
        for (text, why) in [
            ("postgres://sla@db/sla", "begins with mysql://"),
            ("mysql://db/sla", "names a user"),
            ("mysql://sla:secret@db/sla", "holds no password"),
            ("mysql://@db/sla", "names a user of"),
            ("mysql://sla@db", "names a database:"),
            ("mysql://sla@db/", "names a database of"),
            ("mysql://sla@db/sla?ssl=0", "nothing after it"),
            ("mysql://sla@/sla", "names a host"),
            ("mysql://sla@db,,db2/sla", "names a host"),
            ("mysql://sla@db:0x/sla", "has ports"),
            ("mysql://sla@[::1/sla", "closes each ["),
        ] {
            let BadUrl(rule) = text.parse::<ServerUrl>().unwrap_err();
            assert!(rule.contains(why), "{text}: {rule}");
        }
        assert_eq!(format!("{:?}", Password::Given("hush".to_owned())), "Given");
    }
}
