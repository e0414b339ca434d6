//! The one table: error → status, number and body. Statuses and numbers are the contract's
//! (`rest-1.md`); 401 is for a bad token alone (`clients.md` D10), and a limit is a 429 where the
//! contract lists the number under 500.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::Serialize;
use shared::{Error, Refusal};

use crate::openapi::{Operation, Output};

/// What handlers return.
pub type Result<T> = std::result::Result<T, Failure>;

/// An answer that is no success: `{"status":"failure","error_code":<number>,"description":<text>}`.
#[derive(Debug)]
pub struct Failure {
    status: StatusCode,
    code: u32,
    description: String,
}

/// The body of a failure; also the entry of a list in which some entries fail.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(description = "It was not done, and nothing was changed.")]
pub struct FailureBody {
    #[schemars(extend("const" = "failure"))]
    status: &'static str,
    /// The contract's number for what is wrong.
    error_code: u32,
    /// What is wrong, for people.
    description: String,
}

impl Failure {
    /// A failure of the web itself, which the domain knows nothing of.
    pub fn new(status: StatusCode, code: u32, description: impl Into<String>) -> Self {
        Self { status, code, description: description.into() }
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Its number.
    pub fn code(&self) -> u32 {
        self.code
    }

    /// What it says.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Its body.
    pub fn into_body(self) -> FailureBody {
        FailureBody { status: "failure", error_code: self.code, description: self.description }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.status, Json(self.into_body())).into_response()
    }
}

impl Output for Failure {
    fn describe(operation: &mut Operation) {
        // A limit may meet any operation.
        for status in [StatusCode::BAD_REQUEST, StatusCode::TOO_MANY_REQUESTS, StatusCode::INTERNAL_SERVER_ERROR] {
            operation.refuse(status);
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let (status, code) = of_refusal(&refusal);
        Self::new(status, code, refusal.to_string())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refusal) => refusal.into(),
            // Controllers look for the word (contract `mqtt-and-node.md` §6.7).
            Error::Unauthenticated => {
                Self::new(StatusCode::UNAUTHORIZED, 100_047, "Unauthorized: the access token is missing, malformed or expired")
            }
            error => {
                tracing::error!(error = &error as &dyn std::error::Error, "a request failed");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, 100_001, "internal error, please try again")
            }
        }
    }
}

/// What the sharing of groups calls otherwise than that of nodes.
fn of_groups(refusal: &Refusal) -> (StatusCode, u32) {
    let code = match refusal {
        Refusal::InvalidPrimaryUser => 108_033,
        Refusal::SharingRequestMissing => 108_035,
        Refusal::NoRequestToAnswer => 108_037,
        Refusal::RequestDeclined => 108_039,
        Refusal::NoSharingRequest => return (StatusCode::NOT_FOUND, 108_040),
        Refusal::SharedUserMissing => 108_045,
        Refusal::SelfSharing => 108_046,
        Refusal::NoUserToShareWith => 108_050,
        Refusal::AcceptMissing => 108_054,
        Refusal::InvalidNewRole => 108_138,
        Refusal::NewRoleWithoutTransfer => 108_139,
        Refusal::InvalidSubRole => 108_140,
        other => return of_refusal(other),
    };
    (StatusCode::BAD_REQUEST, code)
}

#[expect(clippy::too_many_lines, reason = "a table: a line for each refusal")]
fn of_refusal(refusal: &Refusal) -> (StatusCode, u32) {
    let code = match refusal {
        Refusal::InvalidBody(_) => 100_006,
        // Claiming, nearly all after the first three, has no numbers of its own in the contract.
        Refusal::InvalidRequest(_)
        | Refusal::InvalidParam(_)
        | Refusal::GuestsOff
        | Refusal::InvalidMac
        | Refusal::InvalidPlatform
        | Refusal::InvalidCsr(_)
        | Refusal::NeedsUser
        | Refusal::ClaimQuota(_)
        | Refusal::NotYourClaim
        | Refusal::NodeRevoked
        | Refusal::NoMatter
        | Refusal::WrongProof
        | Refusal::InvalidCommandStatus
        | Refusal::NodeExists => 100_012,
        Refusal::UserNameMissing => 101_001,
        Refusal::NotAnEmail => 101_002,
        Refusal::PasswordOrCodeMissing => 101_003,
        Refusal::WeakPassword => 101_004,
        Refusal::AccountExists => 101_006,
        Refusal::WrongPassword => 101_009,
        Refusal::AlreadyConfirmed => 101_011,
        Refusal::WrongCode => 101_012,
        Refusal::NotConfirmed => 101_015,
        Refusal::AccountDisabled => 101_016,
        Refusal::NoAccount => return (StatusCode::NOT_FOUND, 101_025),
        Refusal::CodeMissing => 101_030,
        Refusal::PasswordMissing => 101_032,
        Refusal::NewPasswordMissing => 101_018,
        Refusal::WrongOldPassword => 101_007,
        Refusal::SessionMissing => 101_039,
        Refusal::NotForGuests => 101_087,
        Refusal::GuestNeedsEmail => 101_097,
        Refusal::InvalidName | Refusal::SelfOperation => 101_053,
        Refusal::NothingToUpdate => 101_045,
        Refusal::NoPhoneAdded => 101_047,
        Refusal::InvalidLocale => 112_048,
        Refusal::InvalidUserTags => 101_067,
        Refusal::InvalidTagOperation => 101_066,
        Refusal::DeletionCodeMissing => 119_007,
        Refusal::WrongDeletionCode => 119_005,
        Refusal::NoDeletionRequest => 119_015,
        Refusal::DeletionCodeSpent => 119_016,
        Refusal::SuperAdminStays => 119_017,
        Refusal::PrivilegeMissing => 101_080,
        Refusal::NoSuperAdmin => 101_081,
        Refusal::NoAdmin => 101_082,
        Refusal::SuperAdminAlready => 101_083,
        Refusal::AdminAlready => 101_084,
        Refusal::NoRoles => 129_039,
        Refusal::NoAccountToDelete => 119_006,
        Refusal::InvalidRefresh => 101_017,
        Refusal::TooManyTries => return (StatusCode::TOO_MANY_REQUESTS, 101_019),
        Refusal::InvalidLogoutAll => 101_036,
        Refusal::NoPhoneNumbers => 101_037,
        Refusal::NodeIdMissing => 100_009,
        Refusal::NotYourNode => 100_010,
        Refusal::NoSuchNode => 100_015,
        Refusal::NotPrimary | Refusal::ForGuestsAlone | Refusal::NotAuthorized => 100_004,
        Refusal::NoConfig => 103_002,
        Refusal::NoParams => 102_006,
        Refusal::InvalidOperation => 103_003,
        Refusal::SecretKeyBlank => 103_004,
        Refusal::InvalidNodeId => 103_005,
        Refusal::SecretKeyTooLong => 103_006,
        Refusal::MappingTimedOut => 103_011,
        Refusal::NoMapping => 103_013,
        Refusal::RequestIdMissing => 103_016,
        Refusal::NoMappingRequest => 103_018,
        Refusal::InvalidTimeout => 103_029,
        Refusal::WrongResponse => 103_031,
        Refusal::AlreadyMapped => 103_033,
        Refusal::MappingEnded => 103_034,
        Refusal::SignatureMissing => 103_046,
        Refusal::WrongSignature => 103_047,
        Refusal::InvalidSignature => 103_048,
        Refusal::StaleTimestamp => 103_049,
        Refusal::UnknownAction => 103_052,
        Refusal::TimestampMissing => 103_062,
        Refusal::DataMissing => 103_063,
        Refusal::InvalidStart => 105_043,
        Refusal::GroupNameMissing => 108_001,
        Refusal::InvalidGroupName => 108_002,
        Refusal::NumberOfNodes => 108_003,
        Refusal::GroupNameTaken => 108_007,
        Refusal::InvalidParentGroup => 108_009,
        Refusal::NoSubGroup => 108_011,
        Refusal::NodesNotMapped => 108_013,
        Refusal::NotInParentGroup => 108_015,
        Refusal::GroupIdMissing => 108_016,
        Refusal::InvalidGroupOperation => 108_017,
        Refusal::NoSuchGroup => 108_023,
        Refusal::NothingToChangeInGroup => 108_024,
        Refusal::DescriptionTooLong => 108_025,
        Refusal::NoGroupOfName => return (StatusCode::NOT_FOUND, 108_029),
        Refusal::GroupIdOrName => 108_030,
        Refusal::GroupNotShared | Refusal::NotYourGroups => 108_048,
        Refusal::SharedGroup => 108_056,
        Refusal::TooManySubGroups => 108_073,
        Refusal::FabricWithParent => 108_080,
        Refusal::NoFabrics => 108_127,
        Refusal::RemoveSharingBySecondary => 108_138,
        Refusal::RemoveSharingUser => 108_139,
        Refusal::RemoveSharingAndLeave => 108_140,
        Refusal::RemoveOwnSharing | Refusal::NoTransferInside => 108_141,
        Refusal::SoleOwnerStays => 108_142,
        Refusal::NodeOfSomebodyElse => 103_020,
        Refusal::TaggedNodeMissing | Refusal::NodeIdsMissing => 105_018,
        Refusal::NoNodes => return (StatusCode::NOT_FOUND, 100_015),
        Refusal::ActivateMissing => 105_025,
        Refusal::TooManyNodes => 105_062,
        Refusal::NoReactivation => 105_003,
        Refusal::NodeNotFound => 103_055,
        Refusal::NotPrimaryOfAll => 107_085,
        Refusal::NotYoursToGrant => 107_038,
        Refusal::InvalidAdminAccess => 107_036,
        Refusal::InvalidTags(_) => 105_046,
        Refusal::MixedOperators => 105_042,
        Refusal::TooMuchData(_) => 100_036,
        Refusal::NoHistory => 103_042,
        Refusal::InvalidHistoryQuery => 103_043,
        Refusal::InvalidNodeType => 103_044,
        Refusal::InvalidCommandNode => 126_003,
        Refusal::CommandFilterMissing => 131_003,
        Refusal::CommandWithoutNode => 131_011,
        Refusal::InvalidCommandTimes => 131_012,
        Refusal::StartTimeMissing => 131_013,
        Refusal::InvalidCommandId => 131_015,
        Refusal::CommandNodesMissing => 131_102,
        Refusal::TooManyCommandNodes => 131_103,
        Refusal::CommandNodeTwice => 131_104,
        Refusal::CommandDataMissing => 131_105,
        Refusal::CommandDataNoJson => 131_106,
        Refusal::InvalidCommand => 131_107,
        Refusal::CommandDataTooLong => 131_111,
        Refusal::NodeOffline => 131_112,
        Refusal::NoCommands => 131_113,
        Refusal::InvalidCommandData => 131_114,
        Refusal::InvalidCommandTimeout => 131_115,
        Refusal::InvalidGroupIds => 108_031,
        Refusal::TooManyGroups => 108_036,
        Refusal::SomeGroupsMissing => 108_038,
        Refusal::NotPrimaryOfGroups => 108_041,
        Refusal::NoGroupsToShare => 108_044,
        Refusal::SharedByParent => 108_055,
        Refusal::GroupTwice => 108_112,
        Refusal::NoFabric => 108_117,
        Refusal::NotYourFabric => 108_118,
        Refusal::TypeEntityAlone => 108_119,
        Refusal::OfGroups(refusal) => return of_groups(refusal),
        Refusal::SharedByGroup => 107_028,
        Refusal::NoNodesToShare => 107_001,
        Refusal::SharedUserMissing => 107_002,
        Refusal::SelfSharing => 107_003,
        Refusal::NotYourNodes => 107_005,
        Refusal::NoUserToShareWith => 107_007,
        Refusal::InvalidSharedNode => 107_008,
        Refusal::NothingShared => 107_011,
        Refusal::NoNodesAtAll => 107_013,
        Refusal::AcceptMissing => 107_017,
        Refusal::InvalidPrimaryUser => 107_019,
        Refusal::SharingRequestMissing => 107_021,
        Refusal::TooManyToShare => 107_022,
        Refusal::NoRequestToAnswer => 107_023,
        Refusal::SomeNodesMissing => 107_024,
        Refusal::RequestDeclined => 107_025,
        Refusal::NoSharingRequest => return (StatusCode::NOT_FOUND, 107_026),
        Refusal::NotPrimaryOfNodes => 107_027,
        Refusal::InvalidNewRole => 107_033,
        Refusal::NewRoleWithoutTransfer => 107_035,
        Refusal::InvalidSubRole => 107_040,
        Refusal::TooManyRequests => return (StatusCode::TOO_MANY_REQUESTS, 100_070),
    };
    (StatusCode::BAD_REQUEST, code)
}
