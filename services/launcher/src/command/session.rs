//! What every command starts from: flags, configuration, paths, and a way to the instance.

use std::path::PathBuf;
use std::time::Duration;

use color_eyre::eyre::Report;
use sla_proto::Peer;
use sla_proto::peer::Bearer;
use sla_proto::server::v1::GetServerInfoRequest;
use zeroize::Zeroizing;

use super::people::keyring;
use super::remote;
use crate::cli::Global;
use crate::config::{Config, Loaded};
use crate::exit::{Exit, Failure};
use crate::instance::{self, Paths, Wanted};

/// How long an instance that a one-shot command started stays without a console.
const ONE_SHOT_IDLE: Duration = Duration::from_mins(10);

/// One invocation.
pub(crate) struct Session {
    /// Flags of the command line.
    pub(crate) global: Global,
    /// All layers of the configuration.
    pub(crate) loaded: Loaded,
    /// Where the instance lives.
    pub(crate) paths: Paths,
}

impl Session {
    /// From the command line and the configuration.
    pub(crate) fn new(global: Global, loaded: Loaded) -> Result<Self, Report> {
        let paths = Paths::of(&loaded.config)?;
        Ok(Self { global, loaded, paths })
    }

    /// The configuration.
    pub(crate) fn config(&self) -> &Config {
        &self.loaded.config
    }

    /// A client of the instance, started when none runs; waits until it answers.
    pub(crate) async fn peer(&self) -> Result<Peer, Report> {
        if let Some((address, trust)) = remote::far_end(&self.global, self.config())? {
            let peer = Peer::connect_tcp(&address, &trust).await?.bearing(self.bearer()?);
            peer.server().get_server_info(GetServerInfoRequest {}).await?;
            return Ok(peer);
        }
        self.need_source()?;
        instance::attach(&self.paths, &self.errand()?).await
    }

    /// The same, before the instance knows who calls: for logging in.
    pub(crate) async fn stranger(&self) -> Result<Peer, Report> {
        if let Some((address, trust)) = remote::far_end(&self.global, self.config())? {
            return Ok(Peer::connect_tcp(&address, &trust).await?.bearing(self.bearer()?));
        }
        self.need_source()?;
        instance::connect(&self.paths, &self.errand()?).await
    }

    /// The token of this user, if there is one.
    pub(crate) fn bearer(&self) -> Result<Bearer, Report> {
        let token = self.token()?;
        Ok(token.map_or_else(Bearer::default, |token| Bearer::holding(&token)))
    }

    /// The same as text.
    pub(crate) fn token(&self) -> Result<Option<Zeroizing<String>>, Report> {
        keyring::load(self.global.token_file.as_deref(), self.token_file()?.as_deref())
    }

    /// Where the token of a login is kept.
    pub(crate) fn token_file(&self) -> Result<Option<PathBuf>, Report> {
        let target = match remote::far_end(&self.global, self.config())? {
            Some((address, _)) => address,
            None => format!("{} in {}", self.config().instance.name, self.paths.data.display()),
        };
        Ok(keyring::file(&target))
    }

    fn need_source(&self) -> Result<(), Report> {
        if self.paths.running().is_none() && !self.config().has_source() {
            let words = "no metric source is configured and no instance runs: give --prometheus URL, set source.url in the \
                         configuration file, or try `sla demo`";
            return Err(Failure::new(Exit::USAGE, words).into());
        }
        Ok(())
    }

    /// The same for one command: what is started for it ends behind it where no source could be reached.
    fn errand(&self) -> Result<Wanted, Report> {
        let mut wanted = self.wanted(ONE_SHOT_IDLE)?;
        wanted.serve.push("--errand".to_owned());
        Ok(wanted)
    }

    /// What is expected of the instance, and how one is started.
    pub(crate) fn wanted(&self, idle: Duration) -> Result<Wanted, Report> {
        let mut serve = vec!["serve".to_owned(), "--detached".to_owned()];
        let mut flag = |name: &str, value: String| serve.extend([name.to_owned(), value]);
        flag("--idle-exit", sla_domain::duration::format_ms(idle.as_millis() as i64));
        flag("--instance", self.config().instance.name.clone());
        if let Some(folder) = &self.global.data_dir {
            // The background process has another working directory.
            flag(
                "--data-dir",
                std::path::absolute(folder)
                    .unwrap_or_else(|_| folder.clone())
                    .display()
                    .to_string(),
            );
        }
        if let Some(file) = &self.global.config {
            flag(
                "--config",
                std::path::absolute(file)
                    .unwrap_or_else(|_| file.clone())
                    .display()
                    .to_string(),
            );
        }
        // Not as an argument: the address may carry a password, and everybody may read the arguments of a process.
        let url = Some(&self.config().source.url).filter(|url| !url.is_empty());
        Ok(Wanted {
            source_url: self.global.prometheus.clone().unwrap_or_default(),
            serve,
            environment: url.map(|url| ("SLA_SOURCE__URL", url.clone())),
            bearer: self.bearer()?,
        })
    }
}
