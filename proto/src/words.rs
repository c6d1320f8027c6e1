//! Words of the contract's values that more than one edge says: commands, console.

use std::fmt;

use crate::notify::v1::{ChannelKind, NoticeKind};
use crate::weather::v1::Limits;

/// `0 to 38 °C, no rain`; nothing when nothing is agreed.
impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let temperature = match (self.t_min, self.t_max) {
            (Some(t_min), Some(t_max)) => Some(format!("{t_min} to {t_max} °C")),
            (Some(t_min), None) => Some(format!("from {t_min} °C")),
            (None, Some(t_max)) => Some(format!("up to {t_max} °C")),
            (None, None) => None,
        };
        let rain = self.rain.then(|| "no rain".to_owned());
        let snow = self.snow.then(|| "no snow".to_owned());
        let parts: Vec<String> = [temperature, rain, snow].into_iter().flatten().collect();
        f.write_str(&parts.join(", "))
    }
}

/// What a message tells, in a word or two.
pub fn notice(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::Opened => "violated",
        NoticeKind::Still => "still violated",
        NoticeKind::Resolved => "ended",
        NoticeKind::Coming => "expected",
        NoticeKind::Passed => "expected no more",
        NoticeKind::Flapping => "comes and goes",
        NoticeKind::Calmed => "calm again",
        NoticeKind::Disabled => "channel disabled",
        NoticeKind::Test => "test",
        NoticeKind::NoData => "without data",
        NoticeKind::DataAgain => "known again",
        NoticeKind::SourceAway => "source away",
        NoticeKind::SourceBack => "source back",
        NoticeKind::Unspecified => "unknown",
    }
}

/// What a channel is.
pub fn channel(kind: ChannelKind) -> &'static str {
    match kind {
        ChannelKind::Webhook => "webhook",
        ChannelKind::Telegram => "telegram",
        ChannelKind::Email => "email",
        ChannelKind::Alertmanager => "alertmanager",
        ChannelKind::Unspecified => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_told_in_words() {
        let told = |t_min, t_max, rain, snow| {
            let limits = Limits {
                t_min,
                t_max,
                rain,
                snow,
            };
            limits.to_string()
        };
        assert_eq!(told(Some(-5.0), Some(38.5), true, false), "-5 to 38.5 °C, no rain");
        assert_eq!(told(None, Some(0.0), false, true), "up to 0 °C, no snow");
        assert_eq!(told(Some(1.0), None, false, false), "from 1 °C");
    }
}
