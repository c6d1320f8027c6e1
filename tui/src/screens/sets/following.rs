//! Keeping up with what other operators save.

use super::SetsScreen;
use crate::context::Context;

/// Sets are listed again at most this often because others may have saved, milliseconds.
const SETS_EVERY_MS: i64 = 3_000;

impl SetsScreen {
    /// Lists the sets again, not too often, while an evaluation tells of others than our list.
    pub(super) fn follow_others(&mut self, cx: &Context) {
        let has_all = self.unlisted == 0;
        // Of a set that is not watched no evaluation tells.
        let is_silent = self.looked_at && self.draft.as_ref().is_some_and(|draft| !draft.stored().active);
        let stale = is_silent || Self::others_have_saved(cx);
        if has_all && self.sets_at_ms.is_none() && !cx.sets.is_loading() && stale {
            self.sets_at_ms = Some(self.listed_ms.map_or(cx.now.mono_ms, |listed| listed + SETS_EVERY_MS));
        }
    }

    /// Whether an evaluation tells of a set or a generation that is not in our list: the instance has suggested one, or
    /// another operator has saved.
    fn others_have_saved(cx: &Context) -> bool {
        let Some(overview) = cx.overview.get() else {
            return false;
        };
        let known = cx.sets.rows();
        overview.objectives.iter().any(|status| {
            let Some(judged) = &status.objective else { return false };
            !known
                .iter()
                .filter(|set| set.id == status.set_id)
                .flat_map(|set| &set.objectives)
                .any(|objective| objective.id == judged.id && objective.generation >= judged.generation)
        })
    }
}
