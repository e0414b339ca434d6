//! Why the domain does not do what it was asked. `web` has the one table that turns these into
//! statuses, numbers and bodies.

use crate::{
    claim::profile::MakeError,
    port::{
        blobs::BlobError,
        events::EventsError,
        fleet::FleetError,
        identity::IdentityError,
        table::{BatchError, TableError},
    },
};

/// A refusal: the request is at fault, nothing was changed. The variants are the contract's meanings
/// (`rest-1.md`, error lists).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message says it")]
pub enum Refusal {
    #[error("the request body is not valid: {0}")]
    InvalidBody(String),
    #[error("invalid request: {0}")]
    InvalidRequest(String),
    #[error("the user name is missing")]
    UserNameMissing,
    #[error("the user name is not an e-mail address")]
    NotAnEmail,
    #[error("this deployment has no SMS; sign up with an e-mail address")]
    NoPhoneNumbers,
    #[error("the password or the verification code is missing")]
    PasswordOrCodeMissing,
    #[error("a password has 8 to 256 characters without white space, among them a capital, a small letter and a digit")]
    WeakPassword,
    #[error("the account exists already")]
    AccountExists,
    #[error("incorrect user name or password")]
    WrongPassword,
    #[error("the user name is confirmed already")]
    AlreadyConfirmed,
    #[error("the verification code is incorrect or has expired")]
    WrongCode,
    #[error("the account is not confirmed yet")]
    NotConfirmed,
    #[error("the account is disabled, please contact the administrator")]
    AccountDisabled,
    #[error("the user does not exist")]
    NoAccount,
    #[error("the verification code is missing")]
    CodeMissing,
    #[error("the password is missing")]
    PasswordMissing,
    #[error("the new password is missing")]
    NewPasswordMissing,
    #[error("the password is incorrect")]
    WrongOldPassword,
    #[error("the session is missing")]
    SessionMissing,
    #[error("this is not for guest users")]
    NotForGuests,
    #[error("this is for guest users alone")]
    ForGuestsAlone,
    #[error("guest users are not enabled in this deployment")]
    GuestsOff,
    #[error("a guest's account can be converted to an e-mail address alone, not to a phone number")]
    GuestNeedsEmail,
    #[error("a name has 1 to 256 characters")]
    InvalidName,
    #[error("name, phone number or MFA is missing")]
    NothingToUpdate,
    #[error("no phone number was added: this deployment has no SMS")]
    NoPhoneAdded,
    #[error("the locale is not valid")]
    InvalidLocale,
    #[error("a tag is key:value, of at most 256 bytes, and there are at most 50")]
    InvalidUserTags,
    #[error("the operation is add or remove")]
    InvalidTagOperation,
    #[error("the verification code is missing")]
    DeletionCodeMissing,
    #[error("the verification code is incorrect")]
    WrongDeletionCode,
    #[error("there is no request to delete the account, or it has expired")]
    NoDeletionRequest,
    #[error("attempt limit exceeded, please request the deletion again")]
    DeletionCodeSpent,
    #[error("a super admin's account cannot be deleted")]
    SuperAdminStays,
    #[error("you are not authorized to do this, please contact the administrator")]
    NotAuthorized,
    #[error("self-operations are prohibited")]
    SelfOperation,
    #[error("specify either admin or super_admin")]
    PrivilegeMissing,
    #[error("super_admin can't be set to false: the user is no super admin")]
    NoSuperAdmin,
    #[error("admin can't be set to false: the user is no admin")]
    NoAdmin,
    #[error("the user is a super admin already")]
    SuperAdminAlready,
    #[error("the user is an admin already")]
    AdminAlready,
    #[error("this deployment has no roles; use admin or super_admin")]
    NoRoles,
    #[error("the user whose account is to be deleted does not exist")]
    NoAccountToDelete,
    #[error("the session has ended or the refresh token is not valid")]
    InvalidRefresh,
    #[error("attempt limit exceeded, please try after some time")]
    TooManyTries,
    #[error("logout_all is true or false")]
    InvalidLogoutAll,
    #[error("the node id is missing")]
    NodeIdMissing,
    #[error("the node does not belong to the user")]
    NotYourNode,
    #[error("only a primary user of the node may do this")]
    NotPrimary,
    #[error("the node has not reported its config yet")]
    NoConfig,
    #[error("the node has not reported its params yet")]
    NoParams,
    #[error("{0}")]
    InvalidParam(String),
    #[error("the operation is add or remove")]
    InvalidOperation,
    #[error("the secret key is blank")]
    SecretKeyBlank,
    #[error("the node id is too long or not valid")]
    InvalidNodeId,
    #[error("the secret key is too long")]
    SecretKeyTooLong,
    #[error("the mapping does not exist")]
    NoMapping,
    #[error("the request id is missing")]
    RequestIdMissing,
    #[error("the mapping request was not found")]
    NoMappingRequest,
    #[error("the page to start from is not valid")]
    InvalidStart,
    #[error("a timeout is between 0 and 100 years, in seconds")]
    InvalidTimeout,
    #[error("the mapping request has timed out")]
    MappingTimedOut,
    #[error("the response to the challenge is not valid")]
    WrongResponse,
    #[error("the mapping request is confirmed already")]
    AlreadyMapped,
    #[error("the mapping request has failed, timed out or was discarded")]
    MappingEnded,
    #[error("the node does not exist")]
    NoSuchNode,
    #[error("the group does not exist")]
    NoSuchGroup,
    #[error("the group's name is missing")]
    GroupNameMissing,
    #[error("a group's name has 1 to 256 characters, none of them #, $ or |, and no white space around it")]
    InvalidGroupName,
    #[error("1 to 100 nodes can be given at once")]
    NumberOfNodes,
    #[error("a group of this name exists already")]
    GroupNameTaken,
    #[error("the parent group is none of yours, or a group can't move there")]
    InvalidParentGroup,
    #[error("groups are in each other up to 3 levels deep")]
    NoSubGroup,
    #[error("some of the nodes do not belong to the user")]
    NodesNotMapped,
    #[error("some of the nodes are not in the parent group")]
    NotInParentGroup,
    #[error("the group id is missing")]
    GroupIdMissing,
    #[error("the operation is add or remove, and comes with nodes")]
    InvalidGroupOperation,
    #[error("specify a name, type, description, mutually_exclusive, custom data, or an operation")]
    NothingToChangeInGroup,
    #[error("a description has fewer than 500 characters")]
    DescriptionTooLong,
    #[error("no group has this name")]
    NoGroupOfName,
    #[error("specify either the group's id or its name")]
    GroupIdOrName,
    #[error("only an owner may change a group that was shared")]
    SharedGroup,
    #[error("there are too many groups in the group")]
    TooManySubGroups,
    #[error("a Matter fabric has no parent group")]
    FabricWithParent,
    #[error("this deployment does not support Matter fabrics")]
    NoFabrics,
    #[error("only an owner may take a group from others")]
    RemoveSharingBySecondary,
    #[error("specify remove_sharing and user_name together")]
    RemoveSharingUser,
    #[error("remove_sharing and leave can't be specified together")]
    RemoveSharingAndLeave,
    #[error("specify leave to leave the group yourself")]
    RemoveOwnSharing,
    #[error("the only owner can't leave a group, but delete it")]
    SoleOwnerStays,
    #[error("the group is not shared with this user")]
    GroupNotShared,
    #[error("the user has the group by a group around it")]
    SharedByParent,
    #[error("specify at least one group")]
    NoGroupsToShare,
    #[error("some group ids are missing")]
    SomeGroupsMissing,
    #[error("at most 10 groups can be shared at once")]
    TooManyGroups,
    #[error("some group ids are not valid")]
    InvalidGroupIds,
    #[error("a group id stands in the list twice")]
    GroupTwice,
    #[error("some of the groups do not belong to the user")]
    NotYourGroups,
    #[error("only a primary user of all the groups may do this")]
    NotPrimaryOfGroups,
    #[error("a group that belongs to the user by a group around it can't be transferred alone")]
    NoTransferInside,
    #[error("the user has no Matter fabric")]
    NoFabric,
    #[error("the group does not belong to the user")]
    NotYourFabric,
    #[error("type_entity needs a group_id beside it")]
    TypeEntityAlone,
    /// Of the sharing of groups, which has numbers of its own for what nodes have, too.
    #[error("{0}")]
    OfGroups(Box<Refusal>),
    #[error("the signature is missing")]
    SignatureMissing,
    #[error("the signature is not the node's for this very text")]
    WrongSignature,
    #[error("the signature is no hexadecimal number")]
    InvalidSignature,
    #[error("the timestamp is more than 5 minutes old or more than 5 seconds ahead")]
    StaleTimestamp,
    #[error("the action is config, params or initparams")]
    UnknownAction,
    #[error("the timestamp is missing from the payload")]
    TimestampMissing,
    #[error("the data is missing from the payload")]
    DataMissing,
    #[error("a MAC address (mac_addr) has 12 hexadecimal digits without separators")]
    InvalidMac,
    #[error("the platform is not known")]
    InvalidPlatform,
    #[error("the certificate request is not valid: {0}")]
    InvalidCsr(&'static str),
    #[error("chips of this platform are claimed with a user's token")]
    NeedsUser,
    #[error("the claim quota is used up: a user may claim {0} nodes")]
    ClaimQuota(i64),
    #[error("the certificate request is for a node id that was not given to this user")]
    NotYourClaim,
    #[error("the node was revoked by the owner of this cloud")]
    NodeRevoked,
    #[error("this deployment has no Matter attestation; claim without it")]
    NoMatter,
    #[error("the challenge response is wrong, or the challenge is not good any more")]
    WrongProof,
    #[error("the node does not belong to the user")]
    NodeOfSomebodyElse,
    #[error("the node whose tags are meant is missing")]
    TaggedNodeMissing,
    #[error("the node was not found")]
    NodeNotFound,
    #[error("only a primary user of the node may delete it")]
    NotPrimaryOfAll,
    #[error("only primary users may grant administrators access")]
    NotYoursToGrant,
    #[error("grant_admin_access is READ, WRITE or NONE")]
    InvalidAdminAccess,
    #[error("{0}")]
    InvalidTags(String),
    #[error("tags are joined by either AND or OR")]
    MixedOperators,
    #[error("too much data: {0}")]
    TooMuchData(String),
    #[error("this deployment does not keep which nodes users had")]
    NoHistory,
    #[error("node_id and node_type can't be given together")]
    InvalidHistoryQuery,
    #[error("the nodes do not exist")]
    NoNodes,
    #[error("the node id is missing")]
    NodeIdsMissing,
    #[error("specify activate=true or activate=false")]
    ActivateMissing,
    #[error("at most 25 nodes can be given at once")]
    TooManyNodes,
    #[error("a certificate that was revoked stays revoked; the node needs a new one")]
    NoReactivation,
    #[error("a node of this id is known already")]
    NodeExists,
    #[error("node_type is rainmaker, rainmaker_matter, pure_matter or ocpp")]
    InvalidNodeType,
    #[error("give a valid node id")]
    InvalidCommandNode,
    #[error("give a request id, a node id or a status")]
    CommandFilterMissing,
    #[error("a command id needs a node id beside it")]
    CommandWithoutNode,
    #[error("start_time or end_time is not valid")]
    InvalidCommandTimes,
    #[error("end_time needs a start_time beside it")]
    StartTimeMissing,
    #[error("the command id is not valid")]
    InvalidCommandId,
    #[error("status is requested, in_progress, success, failure, timed_out, overridden or cancelled")]
    InvalidCommandStatus,
    #[error("the node ids are missing")]
    CommandNodesMissing,
    #[error("at most 25 nodes can be asked at once")]
    TooManyCommandNodes,
    #[error("a node id stands in the list twice")]
    CommandNodeTwice,
    #[error("data is missing")]
    CommandDataMissing,
    #[error("data is no valid JSON")]
    CommandDataNoJson,
    #[error("cmd is a number from 0 to 65535")]
    InvalidCommand,
    #[error("data has at most 64 KB")]
    CommandDataTooLong,
    #[error("Node is offline, responses may be delayed")]
    NodeOffline,
    #[error("the node does not take commands")]
    NoCommands,
    #[error("data is no base64")]
    InvalidCommandData,
    #[error("a timeout is -1, or from 1 to 2592000 seconds")]
    InvalidCommandTimeout,
    #[error("specify at least one node")]
    NoNodesToShare,
    #[error("some node ids are missing")]
    SomeNodesMissing,
    #[error("at most 100 nodes can be shared at once")]
    TooManyToShare,
    #[error("a node id is too long or not valid")]
    InvalidSharedNode,
    #[error("the name of the user with whom nodes are shared is missing")]
    SharedUserMissing,
    #[error("the user with whom nodes are shared does not exist")]
    NoUserToShareWith,
    #[error("Self node sharing operations [add/remove] are not allowed.")]
    SelfSharing,
    #[error("some of the nodes do not belong to the user")]
    NotYourNodes,
    #[error("only a primary user of all the nodes may do this")]
    NotPrimaryOfNodes,
    #[error("the nodes are not, or no more, the user's")]
    NothingShared,
    #[error("the user has the nodes by a group: take that from them")]
    SharedByGroup,
    #[error("the user has no nodes")]
    NoNodesAtAll,
    #[error("sub_role is 1, 2, 3 or 4")]
    InvalidSubRole,
    #[error("new_role is secondary")]
    InvalidNewRole,
    #[error("new_role needs transfer")]
    NewRoleWithoutTransfer,
    #[error("accept is true or false")]
    AcceptMissing,
    #[error("the id of the sharing request is missing")]
    SharingRequestMissing,
    #[error("the id of the sharing request is not valid, or the request was accepted or declined already")]
    NoRequestToAnswer,
    #[error("Node sharing request not found")]
    NoSharingRequest,
    #[error("the request was declined by the user")]
    RequestDeclined,
    #[error("primary_user is true or false")]
    InvalidPrimaryUser,
    #[error("too many sharing requests wait for an answer")]
    TooManyRequests,
}

/// Why the domain did not do it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request is at fault.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The token is at fault: the only cause of a 401.
    #[error("the access token is missing, malformed or expired")]
    Unauthenticated,
    /// Storage failed.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A batch was made that cannot be.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// Blobs failed.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// The broker failed.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// An event was not told.
    #[error(transparent)]
    Events(#[from] EventsError),
    /// Identity failed.
    #[error("identity failed: {0}")]
    Identity(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No certificate could be made.
    #[error(transparent)]
    Certificate(#[from] MakeError),
    /// A stored record is not what was written.
    #[error("a stored record is not readable: {0}")]
    Corrupt(&'static str),
}

impl Error {
    /// The same, of the sharing of groups.
    #[must_use]
    pub fn of_groups(self) -> Self {
        match self {
            Self::Refused(refusal) => Self::Refused(Refusal::OfGroups(Box::new(refusal))),
            other => other,
        }
    }

    /// The same; but where it is this refusal, the one that the contract has here in its place.
    #[must_use]
    pub fn instead(self, of: &Refusal, here: Refusal) -> Self {
        match self {
            Self::Refused(refusal) if refusal == *of => Self::Refused(here),
            error => error,
        }
    }

    /// Is this a condition that did not hold when the batch was written?
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Table(error) if error.is_conflict())
    }
}

impl From<IdentityError> for Error {
    fn from(error: IdentityError) -> Self {
        let refusal = match error {
            IdentityError::Exists => Refusal::AccountExists,
            IdentityError::WrongPassword => Refusal::WrongPassword,
            IdentityError::NotConfirmed => Refusal::NotConfirmed,
            IdentityError::AlreadyConfirmed => Refusal::AlreadyConfirmed,
            IdentityError::Disabled => Refusal::AccountDisabled,
            IdentityError::NoAccount => Refusal::NoAccount,
            IdentityError::WrongCode | IdentityError::NoCode | IdentityError::CodeSpent => Refusal::WrongCode,
            IdentityError::TooManyTries => Refusal::TooManyTries,
            IdentityError::InvalidRefresh => Refusal::InvalidRefresh,
            IdentityError::InvalidToken => return Self::Unauthenticated,
            IdentityError::Engine(source) => return Self::Identity(source),
        };
        Self::Refused(refusal)
    }
}

/// What domain functions return.
pub type Result<T> = std::result::Result<T, Error>;
