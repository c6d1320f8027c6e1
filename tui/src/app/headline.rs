//! The second line: what is missing, else what is wrong, worst first. What matters most stands where nothing cuts it.

use super::App;
use crate::context::wire::{self, Mark, State};
use crate::context::{Connection, Context};
use crate::format::duration;
use crate::say;
use crate::theme::Role;
use crate::widget::canvas::{Align, Canvas};

/// Below this width a banner keeps only what, since when and in how long.
const FULL_BANNER_MIN: u16 = 56;

/// A name is not shortened below so many characters.
const NAME_MIN: usize = 8;

/// One line of words with its mark.
struct Words {
    mark: char,
    text: String,
    role: Role,
}

pub(super) fn draw(app: &App, line: &mut Canvas<'_>) {
    let room = line.width().saturating_sub(4);
    let words = words(&app.cx, room);
    line.glyph(1, 0, words.mark, words.role);
    line.field(3, 0, room, &words.text, Align::Left, words.role);
}

fn words(cx: &Context, room: u16) -> Words {
    let plain = |mark, text: &str, role| Words {
        mark,
        text: text.to_owned(),
        role,
    };
    match &cx.connection {
        Connection::Lost {
            why,
            since_wall_ms,
            retry_at_ms,
        } => {
            let left_ms = retry_at_ms - cx.now.mono_ms;
            return banner(
                cx,
                room,
                say::frame::no_connection(),
                Some(*since_wall_ms),
                Some(left_ms),
                why,
            );
        }
        Connection::Connecting(None) => return plain('·', &say::frame::connecting_to(&cx.target), Role::Dim),
        Connection::Connecting(Some(since_wall_ms)) => {
            let why = say::frame::connecting_to(&cx.target);
            return banner(cx, room, say::frame::no_connection(), Some(*since_wall_ms), None, &why);
        }
        Connection::Connected => {}
    }
    if let Some(source) = cx.source().filter(|s| !s.problem.is_empty()) {
        let what = match source.problem_reason.as_str() {
            "SOURCE_UNREACHABLE" => say::frame::source_unreachable(),
            "SOURCE_UNAUTHORIZED" => say::frame::source_refuses_us(),
            "SOURCE_NOT_PROMETHEUS" => say::frame::no_prometheus_there(),
            _ => say::frame::source_failing(),
        };
        let since_ms = wire::ms(source.failing_since.as_ref());
        return banner(cx, room, what, since_ms, cx.source_retry_left_ms(), &source.problem);
    }
    if let Some(problem) = cx.server.problem() {
        return plain('✗', &problem.sentence(), Role::Error);
    }
    let Some(overview) = cx
        .overview
        .get()
        .filter(|o| o.evaluated.is_some() || !o.headlines.is_empty())
    else {
        return plain('·', say::frame::waiting_for_the_first(), Role::Dim);
    };
    if overview.objectives.is_empty() && cx.not_watched() > 0 {
        let count = say::counts::objectives(&cx.not_watched());
        let text = say::frame::nothing_is_watched_now(&count);
        return plain(Mark::NotWatched.glyph(), &text, Mark::NotWatched.role());
    }
    if overview.objectives.is_empty() {
        return plain('·', say::frame::nothing_is_agreed_yet(), Role::Dim);
    }
    if overview.headlines.is_empty() {
        if overview
            .objectives
            .iter()
            .any(|status| Mark::of_objective(status) == Mark::Unproven)
        {
            let text = say::frame::all_is_inside_its();
            return plain(Mark::Unproven.glyph(), text, Mark::Unproven.role());
        }
        let kept = if cx.not_watched() > 0 {
            say::frame::all_agreements_that_are()
        } else {
            say::frame::all_agreements_are_kept()
        };
        return plain('✓', kept, Role::Ok);
    }
    let worst = overview
        .objectives
        .first()
        .map_or(State::Violated, |o| State::of(o.state()));
    Words {
        mark: if worst == State::Ok { '·' } else { worst.mark() },
        text: whole_headlines(&overview.headlines, usize::from(room)),
        role: if worst == State::Ok { Role::Text } else { worst.role() },
    }
}

/// What is missing, since when and in how long it is tried again, before any detail.
fn banner(cx: &Context, room: u16, what: &str, since_ms: Option<i64>, left_ms: Option<i64>, why: &str) -> Words {
    let short = room < FULL_BANNER_MIN;
    let again = match left_ms {
        None => String::new(),
        Some(left) if left <= 0 => say::frame::trying_now().to_owned(),
        Some(left) => {
            let left = duration((left + 999) / 1000 * 1000);
            if short {
                say::frame::again_short(&left)
            } else {
                say::frame::again_in(&left)
            }
        }
    };
    let text = if short {
        let since = since_ms.map_or_else(String::new, |t| say::frame::since(&cx.zone.minute(t)));
        format!("{what}{since}{again}")
    } else {
        let since = since_ms.map_or_else(String::new, |t| say::frame::since(&cx.zone.clock(t)));
        say::frame::r_now(&what, &since, &again, &why)
    };
    Words {
        mark: '✗',
        text,
        role: Role::Banner,
    }
}

/// As many headlines as are whole, and how many more there are; the first one always.
fn whole_headlines(headlines: &[String], room: usize) -> String {
    let length = |text: &str| text.chars().count();
    let more = |count: usize| {
        if count == 0 {
            String::new()
        } else {
            say::frame::more(&count)
        }
    };
    // How many more there are is told in any case.
    let beside = length(&more(headlines.len().saturating_sub(1)));
    let first = headlines.first();
    let mut out = first.map_or_else(String::new, |first| fitting(first, room.saturating_sub(beside)));
    let mut shown = 1;
    for next in headlines.iter().skip(1) {
        let rest = more(headlines.len() - shown - 1);
        if length(&out) + 3 + length(next) + length(&rest) > room {
            break;
        }
        out = format!("{out}   {next}");
        shown += 1;
    }
    let tail = more(headlines.len() - shown);
    if length(&out) + length(&tail) > room && !tail.is_empty() {
        let kept = room.saturating_sub(length(&tail));
        out = crate::widget::canvas::cut(&out, kept).into_owned();
    }
    out + &tail
}

/// A headline in its room: how bad it is and since when is the answer, so the name is what is shortened.
fn fitting(headline: &str, room: usize) -> String {
    let excess = headline.chars().count().saturating_sub(room);
    let side = [say::words::above(), say::words::below()]
        .iter()
        .filter_map(|word| headline.find(&format!(" {word} ")))
        .min();
    let Some(at) = side.filter(|_| excess > 0) else {
        return headline.to_owned();
    };
    let (name, rest) = headline.split_at(at);
    let kept = name.chars().count().saturating_sub(excess).max(NAME_MIN);
    format!("{}{rest}", crate::widget::canvas::cut_middle(name, kept))
}

#[cfg(test)]
mod tests {
    use super::{fitting, whole_headlines};

    #[test]
    fn the_name_is_shortened_before_the_figures() {
        let headline = "node_filesystem_avail_bytes db-1:9100 /data below 38G since 14:21 (11m) worst 18.4G";
        let short = fitting(headline, 64);
        assert_eq!(short.chars().count(), 64, "{short}");
        assert!(
            short.starts_with("node_") && short.ends_with(" below 38G since 14:21 (11m) worst 18.4G"),
            "{short}"
        );
        assert_eq!(fitting("disk full", 4), "disk full");
    }

    #[test]
    fn headlines_are_whole_or_counted() {
        let headlines = ["load above 4", "memory below 2G", "disk full"].map(str::to_owned);
        assert_eq!(
            whole_headlines(&headlines, 80),
            "load above 4   memory below 2G   disk full"
        );
        assert_eq!(
            whole_headlines(&headlines, 40),
            "load above 4   memory below 2G   +1 more"
        );
        assert_eq!(whole_headlines(&headlines, 25), "load above 4   +2 more");
        assert_eq!(whole_headlines(&headlines, 18), "load ab…   +2 more");
        let long = [
            "node_filesystem_avail_bytes /dev/vda below 38 GB since 08:55 (10m) worst 18.8 GB",
            "another one",
        ];
        assert_eq!(
            whole_headlines(&long.map(str::to_owned), 76),
            "node_filesy…s /dev/vda below 38 GB since 08:55 (10m) worst 18.8 GB   +1 more",
            "the figure that is the answer is not the one cut"
        );
        assert_eq!(whole_headlines(&headlines[..1], 5), "load above 4", "the field cuts it");
    }
}
