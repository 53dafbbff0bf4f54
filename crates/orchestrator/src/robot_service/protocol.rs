//! The calls of the robot protocol: the edge knows which host speaks, and holds its requests.

use odata::Open;

use super::{Heartbeat, JobReports, RobotIdentifier, StartService};
use crate::op::{At, AtEdge, Json, Nothing, Op, edge, plain};

/// All of them.
pub const OPS: &[Op] = &[
    edge::<Start>(),
    edge::<StopService>(),
    edge::<BeginSession>(),
    edge::<EndSession>(),
    edge::<GetProcesses>(),
    edge::<HeartbeatV1>(),
    edge::<HeartbeatV2>(),
    edge::<AwaitCommands>(),
    edge::<SubmitJobState>(),
    edge::<GetConnectionData>(),
    edge::<GetSharedConnectionData>(),
];

/// Nothing is asked.
#[odata::input]
pub struct Unasked;

macro_rules! calls {
    ($(#[doc = $doc:literal] $method:literal $address:literal $call:ident($input:ty) -> $answer:ty;)*) => {
        $(
            #[doc = $doc]
            pub enum $call {}

            impl AtEdge for $call {
                const AT: At = plain($method, concat!("api/RobotsService/", $address)).hosts();
                const DOC: &'static str = $doc;
                type Input = $input;
                type Answer = $answer;
            }
        )*
    };
}

calls! {
    /// Connects a host.
    "POST" "StartService" Start(StartService) -> Json<Open>;
    /// Disconnects it.
    "POST" "StopService" StopService(Heartbeat) -> Nothing;
    /// Signs a robot in on the host.
    "POST" "BeginSession" BeginSession(RobotIdentifier) -> Json<Open>;
    /// Signs it out.
    "POST" "EndSession" EndSession(RobotIdentifier) -> Nothing;
    /// Lists the processes that a robot may run.
    "POST" "GetProcesses" GetProcesses(RobotIdentifier) -> Json<Open>;
    /// Says that the host lives, and what its robots do; answers with what it is to do.
    "POST" "Heartbeat" HeartbeatV1(Heartbeat) -> Json<Open>;
    /// Says that the host lives, and what its robots do; answers with what it is to do.
    "POST" "HeartbeatV2" HeartbeatV2(Heartbeat) -> Json<Open>;
    /// As Heartbeat, and is answered when there is something to do.
    "POST" "AwaitCommands" AwaitCommands(Heartbeat) -> Json<Open>;
    /// Reports how jobs go: a list.
    "POST" "SubmitJobState" SubmitJobState(JobReports) -> Json<Open>;
    /// Tells where the server is, and the key of the machine.
    "GET" "GetConnectionData" GetConnectionData(Unasked) -> Json<Open>;
    /// Tells where the server is, and the key of the machine that all robots share.
    "GET" "GetSharedConnectionData" GetSharedConnectionData(Unasked) -> Json<Open>;
}
