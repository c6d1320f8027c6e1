//! `ScheduleService`.

use sla_proto::etl::v1::schedule_service_server::ScheduleService;
use sla_proto::etl::v1::{GetScheduleRequest, GetScheduleResponse, UpdateScheduleRequest, UpdateScheduleResponse};
use tonic::{Request, Response, Status};

use super::refused;
use crate::journal::Level;
use crate::service::Core;

#[tonic::async_trait]
impl ScheduleService for Core {
    async fn get_schedule(&self, _: Request<GetScheduleRequest>) -> Result<Response<GetScheduleResponse>, Status> {
        Ok(Response::new(GetScheduleResponse {
            schedule: Some(self.schedule.get()),
        }))
    }

    async fn update_schedule(
        &self,
        request: Request<UpdateScheduleRequest>,
    ) -> Result<Response<UpdateScheduleResponse>, Status> {
        let user = sla_runtime::caller::user(request.extensions());
        let schedule = self
            .schedule
            .update(request.get_ref(), &user)
            .await
            .map_err(|error| refused("UpdateSchedule", &error))?;
        let paused = if schedule.paused { ", paused" } else { "" };
        self.journal
            .write(Level::Info, "", &format!("the schedule was changed by {user}{paused}"));
        Ok(Response::new(UpdateScheduleResponse {
            schedule: Some(schedule),
        }))
    }
}
