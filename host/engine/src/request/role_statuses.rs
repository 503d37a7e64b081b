//! What the status of a runtime says of its masters, workers and clients.

use wasser_api::conditions::runtime as types;
use wasser_api::reasons::runtime as reasons;
use wasser_api::runtime_status::{RuntimePhase, RuntimeStatus};

use crate::request::Request;
use crate::request::roles::{RoleName, RoleState, RoleTrouble};

/// Why clients are in their phase where nothing is wrong with them, in Fluid's words.
const FUSES_ARE_READY: &str = "Fuses are ready";

impl Request {
    /// Shows each role that the runtime has.
    pub(crate) fn show_roles(&mut self) {
        self.forget_absent_roles();
        for name in RoleName::ALL {
            let Some(state) = self.role(name).cloned() else {
                continue;
            };
            match name {
                RoleName::Master => self.show_master(&state),
                RoleName::Worker => self.show_worker(&state),
                RoleName::Fuse => self.show_fuse(&state),
            }
        }
    }

    /// Removes what the status said of roles that the runtime has no more, or never had.
    fn forget_absent_roles(&mut self) {
        let none = RuntimeStatus::default();
        for name in RoleName::ALL {
            if self.role(name).is_some() {
                continue;
            }
            let status = &mut self.runtime_status;
            let conditions: &[&str] = match name {
                RoleName::Master => {
                    status.master_phase = none.master_phase.clone();
                    status.master_reason = None;
                    status.desired_master_number_scheduled = 0;
                    status.current_master_number_scheduled = 0;
                    status.master_number_ready = 0;
                    &[types::MASTER_INITIALIZED, types::MASTER_READY]
                }
                RoleName::Worker => {
                    status.worker_phase = none.worker_phase.clone();
                    status.worker_reason = None;
                    status.desired_worker_number_scheduled = 0;
                    status.current_worker_number_scheduled = 0;
                    status.worker_number_ready = 0;
                    status.worker_number_available = None;
                    status.worker_number_unavailable = None;
                    status.selector = None;
                    &[types::WORKERS_INITIALIZED, types::WORKERS_READY]
                }
                RoleName::Fuse => {
                    status.fuse_phase = none.fuse_phase.clone();
                    status.fuse_reason = None;
                    status.desired_fuse_number_scheduled = 0;
                    status.current_fuse_number_scheduled = 0;
                    status.fuse_number_ready = 0;
                    status.fuse_number_available = None;
                    status.fuse_number_unavailable = None;
                    &[types::FUSES_INITIALIZED, types::FUSES_READY]
                }
            };
            status
                .conditions
                .retain(|condition| !conditions.contains(&condition.condition_type.as_str()));
        }
    }

    fn show_master(&mut self, state: &RoleState) {
        let trouble = self.trouble(&state.role.name).cloned();
        let status = &mut self.runtime_status;
        status.master_phase = state.phase();
        status.master_reason = trouble.as_ref().map(|trouble| trouble.reason.clone());
        status.desired_master_number_scheduled = state.desired;
        status.current_master_number_scheduled = state.current;
        status.master_number_ready = state.ready;
        if state.exists {
            self.set_runtime_condition(
                types::MASTER_INITIALIZED,
                reasons::MASTER_INITIALIZED,
                "The master is initialized.",
                true,
            );
            let message = match state.phase() {
                RuntimePhase::Ready => "The master is ready.",
                RuntimePhase::PartialReady => "The masters are partially ready.",
                _ => "The master is not ready.",
            };
            self.show_readiness(
                types::MASTER_READY,
                reasons::MASTER_READY,
                message,
                state.serves(),
                trouble,
            );
        }
    }

    fn show_worker(&mut self, state: &RoleState) {
        let trouble = self.trouble(&state.role.name).cloned();
        let selector = wasser_api::labels::worker_selector(&self.identity.runtime_type, &self.identity.name);
        self.runtime_status.selector = Some(selector);
        // Workers that wait for their master have no phase: Fluid would take them for set up.
        if state.exists && state.role.starts_at_zero && !state.placed && !self.is_set_up() {
            return;
        }
        let status = &mut self.runtime_status;
        status.worker_phase = state.phase();
        status.worker_reason = trouble.as_ref().map(|trouble| trouble.reason.clone());
        // Workers that are missing, or that a watch is late with, are wanted all the same; that they come
        // back is no scaling.
        if state.exists {
            status.desired_worker_number_scheduled = state.desired;
        }
        status.current_worker_number_scheduled = state.current;
        status.worker_number_ready = state.ready;
        status.worker_number_available = Some(state.available);
        status.worker_number_unavailable = Some(state.unavailable);
        if !state.exists {
            self.set_runtime_condition(
                types::WORKERS_READY,
                reasons::WORKERS_READY,
                "The workers are missing.",
                false,
            );
            return;
        }
        if state.placed {
            self.set_runtime_condition(
                types::WORKERS_INITIALIZED,
                reasons::WORKERS_INITIALIZED,
                "The workers are initialized.",
                true,
            );
        }
        let message = match state.phase() {
            RuntimePhase::Ready => "The workers are ready.",
            RuntimePhase::PartialReady => "The workers are partially ready.",
            _ => "The workers are not ready.",
        };
        self.show_readiness(
            types::WORKERS_READY,
            reasons::WORKERS_READY,
            message,
            state.serves(),
            trouble,
        );
    }

    fn show_fuse(&mut self, state: &RoleState) {
        let trouble = self.trouble(&state.role.name).cloned();
        let status = &mut self.runtime_status;
        status.fuse_phase = state.phase();
        status.fuse_reason = match &trouble {
            Some(trouble) => Some(trouble.reason.clone()),
            None => state.exists.then(|| FUSES_ARE_READY.to_owned()),
        };
        status.desired_fuse_number_scheduled = state.desired;
        status.current_fuse_number_scheduled = state.current;
        status.fuse_number_ready = state.ready;
        status.fuse_number_available = Some(state.available);
        status.fuse_number_unavailable = Some(state.unavailable);
        if state.exists {
            self.set_runtime_condition(
                types::FUSES_INITIALIZED,
                reasons::FUSES_INITIALIZED,
                "The fuses are initialized.",
                true,
            );
            let ready = trouble.is_none();
            self.show_readiness(
                types::FUSES_READY,
                reasons::FUSES_READY,
                "The fuses are ready.",
                ready,
                trouble,
            );
        }
    }

    /// Shows whether a role serves; one that does not has the reason of its pods, if they have one.
    fn show_readiness(&mut self, type_: &str, reason: &str, message: &str, serves: bool, trouble: Option<RoleTrouble>) {
        match trouble {
            None => self.set_runtime_condition(type_, reason, message, serves),
            Some(trouble) if serves => {
                let message = format!("{} {}", message, trouble.text);
                self.set_runtime_condition(type_, reason, &message, true);
            }
            Some(trouble) => self.set_runtime_condition(type_, &trouble.reason, &trouble.text, false),
        }
    }
}
