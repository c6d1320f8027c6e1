//! `sla.set.v1.SetService`.

use std::sync::Arc;

use prost::Message as _;
use sla_domain::invalid::Invalid;
use sla_proto::set::v1 as pb;
use sla_proto::set::v1::set_service_server::SetService;
use sla_runtime::page;
use tonic::{Request, Response, Status, Streaming};

use crate::core::ManagerCore;
use crate::error::SlaError;
use crate::options::{MAX_APPLY_BYTES, MAX_PAGE_BYTES};
use crate::sets::sight::Asker;
use crate::sets::suggestion;
use crate::sets::validation;

/// What pages of sets belong to.
const PAGES: &str = "sets";

/// The edge: messages in, messages out.
#[derive(Debug, Clone)]
pub(crate) struct SetsApi(pub(crate) Arc<ManagerCore>);

fn fields(found: &[Invalid]) -> Vec<pb::FieldProblem> {
    found.iter().map(validation::field_problem).collect()
}

/// All messages of an apply as one. A stream that breaks off is an error: half of what was meant is never applied.
async fn whole(mut messages: Streaming<pb::ApplySetsRequest>) -> Result<pb::ApplySetsRequest, Status> {
    let mut whole: Option<pb::ApplySetsRequest> = None;
    let mut bytes = 0;
    while let Some(message) = messages.message().await? {
        bytes += message.encoded_len();
        if bytes > MAX_APPLY_BYTES {
            let rule = format!("all sets of one apply take at most {} MiB", MAX_APPLY_BYTES >> 20);
            let problem = Invalid::new("sets", &format!("{bytes} bytes"), rule, "apply them in parts");
            return Err(SlaError::invalid("the sets cannot be applied", problem).into());
        }
        match &mut whole {
            None => whole = Some(message),
            Some(whole) => whole.sets.extend(message.sets),
        }
    }
    whole.ok_or_else(|| {
        let problem = Invalid::new("sets", "", "is missing: the stream had no message", "send at least one");
        SlaError::invalid("the sets cannot be applied", problem).into()
    })
}

#[tonic::async_trait]
impl SetService for SetsApi {
    async fn list_sets(&self, request: Request<pb::ListSetsRequest>) -> Result<Response<pb::ListSetsResponse>, Status> {
        let _asking = self.0.asks.begin();
        let sets = self.0.sets().await?;
        let asker = Asker::of(request.extensions());
        let request = request.into_inner();
        let after = page::Token::decode(&request.page_token, PAGES)?;
        let seen: Vec<_> = sets.all.iter().filter(|set| asker.sees(&set.message)).collect();
        let from = after.map_or(Ok(0), |key| {
            let (name, id) = key.rsplit_once('\n').ok_or_else(page::Token::refused)?;
            Ok::<_, Status>(seen.partition_point(|set| set.place() <= (name, id)))
        })?;
        let (mut told, mut bytes) = (Vec::new(), 0);
        for set in seen[from..].iter().take(page::size(request.page_size)) {
            bytes += set.message.encoded_len();
            if bytes > MAX_PAGE_BYTES && !told.is_empty() {
                break;
            }
            told.push(set.message.clone());
        }
        let last = seen[..from + told.len()]
            .last()
            .filter(|_| from + told.len() < seen.len());
        let next_page_token = last.map_or_else(String::new, |set| {
            let (name, id) = set.place();
            page::Token::encode(PAGES, &format!("{name}\n{id}"))
        });
        Ok(Response::new(pb::ListSetsResponse {
            sets: told,
            next_page_token,
            total: seen.len() as u64,
        }))
    }

    async fn get_set(&self, request: Request<pb::GetSetRequest>) -> Result<Response<pb::GetSetResponse>, Status> {
        let _asking = self.0.asks.begin();
        let sets = self.0.sets().await?;
        let asker = Asker::of(request.extensions());
        let set = asker.find(&sets, &request.get_ref().set)?;
        Ok(Response::new(pb::GetSetResponse {
            set: Some(set.message.clone()),
        }))
    }

    async fn create_set(
        &self,
        request: Request<pb::CreateSetRequest>,
    ) -> Result<Response<pb::CreateSetResponse>, Status> {
        let _asking = self.0.asks.begin();
        let asker = Asker::of(request.extensions());
        let wanted = request.into_inner().set.unwrap_or_default();
        let saved = self.0.editor.create(wanted, &asker).await?;
        Ok(Response::new(pb::CreateSetResponse {
            set: Some(saved.set),
            warnings: fields(&saved.warnings),
        }))
    }

    async fn update_set(
        &self,
        request: Request<pb::UpdateSetRequest>,
    ) -> Result<Response<pb::UpdateSetResponse>, Status> {
        let _asking = self.0.asks.begin();
        let asker = Asker::of(request.extensions());
        let wanted = request.into_inner().set.unwrap_or_default();
        let saved = self.0.editor.update(wanted, &asker).await?;
        Ok(Response::new(pb::UpdateSetResponse {
            set: Some(saved.set),
            warnings: fields(&saved.warnings),
        }))
    }

    async fn delete_set(
        &self,
        request: Request<pb::DeleteSetRequest>,
    ) -> Result<Response<pb::DeleteSetResponse>, Status> {
        let _asking = self.0.asks.begin();
        let asker = Asker::of(request.extensions());
        let request = request.into_inner();
        self.0.editor.delete(&request.id, request.version, &asker).await?;
        Ok(Response::new(pb::DeleteSetResponse {}))
    }

    async fn duplicate_set(
        &self,
        request: Request<pb::DuplicateSetRequest>,
    ) -> Result<Response<pb::DuplicateSetResponse>, Status> {
        let _asking = self.0.asks.begin();
        let asker = Asker::of(request.extensions());
        let request = request.into_inner();
        let set = self.0.editor.duplicate(&request.id, &request.new_name, &asker).await?;
        Ok(Response::new(pb::DuplicateSetResponse { set: Some(set) }))
    }

    async fn validate_set(
        &self,
        request: Request<pb::ValidateSetRequest>,
    ) -> Result<Response<pb::ValidateSetResponse>, Status> {
        let _asking = self.0.asks.begin();
        let wanted = request.into_inner().set.unwrap_or_default();
        let checked = self.0.editor.validate(&wanted).await?;
        Ok(Response::new(pb::ValidateSetResponse {
            problems: fields(&checked.problems),
            warnings: fields(&checked.warnings),
        }))
    }

    async fn apply_sets(
        &self,
        request: Request<Streaming<pb::ApplySetsRequest>>,
    ) -> Result<Response<pb::ApplySetsResponse>, Status> {
        let _asking = self.0.asks.begin();
        let asker = Asker::of(request.extensions());
        let request = whole(request.into_inner()).await?;
        let applied = self
            .0
            .editor
            .apply(&request.sets, request.prune, request.dry_run, &asker)
            .await?;
        Ok(Response::new(pb::ApplySetsResponse {
            plan: applied.plan,
            applied: !request.dry_run,
            warnings: fields(&applied.warnings),
        }))
    }

    async fn suggest_range(
        &self,
        request: Request<pb::SuggestRangeRequest>,
    ) -> Result<Response<pb::SuggestRangeResponse>, Status> {
        let _asking = self.0.asks.begin();
        let answer = suggestion::suggest(&self.0, request.into_inner()).await?;
        Ok(Response::new(answer))
    }
}
