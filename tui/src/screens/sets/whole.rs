//! Commands about a whole set: open, create, rename, copy, delete, watch, save.

use sla_proto::objective::v1::SlaSet;
use sla_proto::set::v1 as set;

use super::SetsScreen;
use super::draft::Draft;
use crate::command::Cmd;
use crate::context::request::Slot;
use crate::context::{Context, wire};

impl SetsScreen {
    pub(super) fn set_command(&mut self, cx: &mut Context, cmd: Cmd, argument: Option<&str>) -> bool {
        let name = argument.unwrap_or_default().to_owned();
        match cmd {
            Cmd::NextSet => self.open_next(cx, argument),
            Cmd::NewSet => {
                let fresh = SlaSet {
                    name: name.clone(),
                    active: true,
                    ..SlaSet::default()
                };
                self.open_name = Some(name);
                cx.call(Slot::SetWrite, set::CreateSetRequest { set: Some(fresh) });
            }
            Cmd::RenameSet => {
                if let Some(draft) = &mut self.draft {
                    draft.change(|set| set.name = name);
                    self.save(cx);
                }
            }
            Cmd::DuplicateSet => {
                if let Some(id) = self.draft.as_ref().map(|d| d.set.id.clone()) {
                    self.open_name = Some(name.clone());
                    cx.call(Slot::SetWrite, set::DuplicateSetRequest { id, new_name: name });
                }
            }
            Cmd::DeleteSet => {
                if let Some(draft) = &self.draft {
                    let request = set::DeleteSetRequest {
                        id: draft.set.id.clone(),
                        version: draft.set.version,
                    };
                    cx.call(Slot::SetWrite, request);
                }
            }
            Cmd::ActivateSet => {
                if let Some(draft) = &mut self.draft {
                    draft.change(|set| set.active = !set.active);
                    self.save(cx);
                }
            }
            _ => return false,
        }
        true
    }

    pub(super) fn save(&mut self, cx: &mut Context) {
        let Some(draft) = &self.draft else { return };
        // Everything wrong is told before anything is sent.
        for objective in &draft.set.objectives {
            if let Err(problems) = sla_proto::convert::objective(objective) {
                let what = problems.first().map(ToString::to_string).unwrap_or_default();
                cx.complain(format!("{}: {what}", wire::objective_name(objective)));
                return;
            }
        }
        cx.call(
            Slot::SetWrite,
            set::UpdateSetRequest {
                set: Some(draft.set.clone()),
            },
        );
    }

    fn open_next(&mut self, cx: &mut Context, name: Option<&str>) {
        if self.is_dirty() {
            cx.complain("this set has changes that are not saved: S saves them, u takes them back");
            return;
        }
        let sets = self.sets.get().map_or(&[][..], Vec::as_slice);
        let here = self
            .draft
            .as_ref()
            .and_then(|d| sets.iter().position(|s| s.id == d.set.id))
            .unwrap_or(0);
        let next = match name {
            Some(name) => sets.iter().find(|s| s.name == name || s.id == name),
            None => sets.get((here + 1) % sets.len().max(1)),
        };
        match next.cloned() {
            Some(set) => self.open(cx, set),
            None => cx.complain(format!("there is no SLA set named {}", name.unwrap_or_default())),
        }
    }

    pub(super) fn open(&mut self, cx: &mut Context, set: SlaSet) {
        self.draft = Some(Draft::new(set));
        self.kept_text = None;
        self.what_if.clear();
        self.changed(cx);
    }
}
