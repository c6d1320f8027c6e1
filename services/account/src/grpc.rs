//! `sla.account.v1.AccountService`: messages in, messages out.

use std::sync::{Arc, Mutex, PoisonError};

use sla_proto::account::v1 as pb;
use sla_proto::account::v1::account_service_server::AccountService;
use sla_proto::peer::Rank;
use sla_proto::storage::v1::{ListStoredAuditRequest, StoredAccount, TokenKind};
use sla_proto::{Peer, convert};
use sla_runtime::Shutdown;
use sla_runtime::caller::{Caller, End, Way};
use tonic::{Extensions, Request, Response, Status};

use crate::admission;
use crate::backoff::{Backoff, Whose};
use crate::book::name_key;
use crate::error::{AccountError, refuse};
use crate::hashing::Hashing;
use crate::keeper::Keeper;
use crate::options::Registration;
use crate::password::Password;
use crate::people::{self, NewUser, nobody_yet};
use crate::sessions::{self, session, user};

/// Whose sessions are meant: everybody's.
const EVERYBODY: &str = "*";
/// Sessions of one answer at most.
const MAX_SESSIONS: usize = 1000;
/// Bytes of a name or password that are looked at; longer ones are wrong without hashing.
const MAX_INPUT_BYTES: usize = 1024;

/// The parts of the role.
#[derive(Debug, Clone)]
pub(crate) struct AccountGrpc {
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) hashing: Hashing,
    pub(crate) backoff: Arc<Mutex<Backoff>>,
    pub(crate) registration: Registration,
    pub(crate) peer: Peer,
    pub(crate) shutdown: Shutdown,
}

/// Who calls; a call that did not come through the layers comes from nobody.
fn caller(extensions: &Extensions) -> Caller {
    extensions
        .get::<Caller>()
        .cloned()
        .unwrap_or_else(|| Caller::role(None))
}

/// Where wrong passwords are counted.
fn address(caller: &Caller) -> String {
    match caller.end {
        End::User(uid) => format!("uid {uid}"),
        End::Address(address) => address.ip().to_string(),
        End::Unknown => "unknown".to_owned(),
    }
}

/// A password that is looked at. Passwords wait for their turn, and the call may be over before it came: then it counts for nothing.
struct Trying<'a> {
    backoff: &'a Mutex<Backoff>,
    whose: &'a [Whose],
    is_decided: bool,
}

impl Drop for Trying<'_> {
    fn drop(&mut self) {
        if !self.is_decided {
            let mut backoff = self.backoff.lock().unwrap_or_else(PoisonError::into_inner);
            backoff.undecided(self.whose);
        }
    }
}

impl AccountGrpc {
    /// The account of whoever calls, as it is now.
    async fn own(&self, caller: &Caller) -> Result<StoredAccount, AccountError> {
        let book = self.keeper.book().await?;
        if !book.is_in_use() {
            return Err(nobody_yet());
        }
        let known = caller.known.as_ref().and_then(|known| book.by_id(&known.user_id));
        known.cloned().ok_or_else(|| AccountError::Refused {
            words: "only a user can ask for that, not a role".to_owned(),
            hint: "log in with `sla login`".to_owned(),
        })
    }

    /// Counts a try against name and address; how long to wait when there were too many.
    fn try_once(&self, whose: &[Whose]) -> Result<(), AccountError> {
        let now_ms = self.keeper.now_ms();
        let mut backoff = self.backoff.lock().unwrap_or_else(PoisonError::into_inner);
        let wait_ms = backoff.wait_ms(whose, now_ms);
        if wait_ms > 0 {
            let wait_s = (wait_ms + 999) / 1000;
            return Err(AccountError::TooManyTries { wait_s });
        }
        backoff.tried(whose, now_ms);
        Ok(())
    }

    /// The same for a password that is looked at now.
    fn trying<'a>(&'a self, whose: &'a [Whose]) -> Result<Trying<'a>, AccountError> {
        self.try_once(whose)?;
        Ok(Trying {
            backoff: &self.backoff,
            whose,
            is_decided: false,
        })
    }

    fn was_right(&self, whose: &[Whose]) {
        let mut backoff = self.backoff.lock().unwrap_or_else(PoisonError::into_inner);
        backoff.right(whose);
    }

    /// The account behind name and password. An unknown name, a disabled one, one without a password and a wrong password
    /// take the same way and the same time.
    async fn proven(&self, name: &str, password: Password, caller: &Caller) -> Result<StoredAccount, AccountError> {
        let mut name = name_key(name);
        if name.len() > MAX_INPUT_BYTES || password.len() > MAX_INPUT_BYTES {
            "too long".clone_into(&mut name);
        }
        let whose = [Whose::Name(name.clone()), Whose::Address(address(caller))];
        let mut trying = self.trying(&whose)?;
        if password.len() > MAX_INPUT_BYTES {
            trying.is_decided = true;
            return Err(AccountError::WrongPassword);
        }
        let account = self
            .keeper
            .book()
            .await?
            .by_name(&name)
            .filter(|account| !account.disabled)
            .cloned();
        let stored = account.as_ref().and_then(|account| account.password.clone());
        let right = self.hashing.check(password, stored).await?;
        trying.is_decided = true;
        let Some(account) = account.filter(|_| right) else {
            tracing::info!(from = address(caller), "a wrong name or password");
            return Err(AccountError::WrongPassword);
        };
        self.was_right(&whose);
        Ok(account)
    }

    async fn log_in(&self, request: pb::LoginRequest, caller: &Caller) -> Result<pb::LoginResponse, AccountError> {
        let password = Password::new(request.password);
        if !self.keeper.book().await?.is_in_use() {
            return Err(nobody_yet());
        }
        let account = self.proven(&request.name, password, caller).await?;
        let opened = sessions::open(&self.keeper, &account, &request.client).await?;
        tracing::info!(
            user = account.name,
            from = address(caller),
            session = opened.token.id,
            "logged in"
        );
        Ok(pb::LoginResponse {
            session: Some(session(&opened.token, &account.name, &opened.token.id)),
            user: Some(user(&account)),
            token: opened.secret.to_string(),
        })
    }

    async fn who(&self, caller: &Caller) -> Result<pb::WhoAmIResponse, AccountError> {
        let book = self.keeper.book().await?;
        let Some(known) = &caller.known else {
            return Ok(pb::WhoAmIResponse {
                enabled: book.is_in_use(),
                caller: caller.user.clone(),
                ..pb::WhoAmIResponse::default()
            });
        };
        let tokens = book.tokens(Some(&known.user_id), self.keeper.now_ms());
        let current = tokens.into_iter().find(|token| token.id == known.session_id);
        Ok(pb::WhoAmIResponse {
            enabled: true,
            caller: known.user.clone(),
            user: book.by_id(&known.user_id).map(user),
            rank: known.rank.message().into(),
            session: current.map(|token| session(token, &known.user, &known.session_id)),
        })
    }

    async fn list_sessions(&self, of: &str, caller: &Caller) -> Result<Vec<pb::Session>, AccountError> {
        let own = self.own(caller).await?;
        let may_all = caller.has(Rank::Admin);
        let book = self.keeper.book().await?;
        let id = match of {
            "" => Some(own.id.clone()),
            EVERYBODY if may_all => None,
            name => {
                let account = book.by_name(name).filter(|account| may_all || account.id == own.id);
                Some(account.ok_or_else(|| AccountError::no_user(name))?.id.clone())
            }
        };
        let current = caller.known.as_ref().map_or("", |known| known.session_id.as_str());
        let tokens = book.tokens(id.as_deref(), self.keeper.now_ms()).into_iter();
        let shown = tokens
            .filter(|token| token.kind() != TokenKind::Invitation)
            .map(|token| {
                let owner = book
                    .by_id(&token.account_id)
                    .map_or("", |account| account.name.as_str());
                session(token, owner, current)
            });
        Ok(shown.take(MAX_SESSIONS).collect())
    }

    async fn revoke(&self, id: &str, caller: &Caller) -> Result<pb::Session, AccountError> {
        let own = self.own(caller).await?;
        let only_own = (!caller.has(Rank::Admin)).then_some(own.id.as_str());
        let token = sessions::revoke(&self.keeper, id, only_own, &own.name).await?;
        let book = self.keeper.book().await?;
        let owner = book
            .by_id(&token.account_id)
            .map_or("", |account| account.name.as_str());
        Ok(session(&token, owner, ""))
    }

    async fn create_token(
        &self,
        request: pb::CreateTokenRequest,
        caller: &Caller,
    ) -> Result<pb::CreateTokenResponse, AccountError> {
        let own = self.own(caller).await?;
        let most = caller.known.as_ref().map_or(Rank::Viewer, |known| known.rank);
        let rank = Rank::of_message(request.rank()).unwrap_or(most);
        if rank > most {
            let rule = format!("a token may do at most what you may: {}", most.word());
            return Err(AccountError::invalid("rank", rule, "ask for less"));
        }
        let lifetime_ms = request.lifetime.as_ref().map(convert::duration_ms);
        let opened = sessions::create_token(&self.keeper, &own, &request.name, rank, lifetime_ms).await?;
        Ok(pb::CreateTokenResponse {
            session: Some(session(&opened.token, &own.name, "")),
            token: opened.secret.to_string(),
        })
    }

    async fn add(&self, request: pb::AddUserRequest, caller: &Caller) -> Result<pb::AddUserResponse, AccountError> {
        let rank = Rank::of_message(request.rank()).unwrap_or(Rank::Viewer);
        let wanted = NewUser {
            name: request.name,
            rank,
            uids: request.uids,
            password: Password::new(request.password),
        };
        let uid = match (caller.way, caller.end) {
            (Way::Socket, End::User(uid)) => Some(uid),
            _ => None,
        };
        let (added, first) = people::add(&self.keeper, &self.hashing, wanted, uid, &caller.user).await?;
        if first {
            tracing::warn!(
                user = added.name,
                "the first user was added: from now on every call needs one"
            );
        }
        Ok(pb::AddUserResponse {
            user: Some(user(&added)),
            first,
        })
    }

    async fn audit(&self, request: pb::ListAuditRequest) -> Result<pb::ListAuditResponse, AccountError> {
        let request = ListStoredAuditRequest {
            page_size: request.page_size,
            page_token: request.page_token,
        };
        let answer = self.peer.account_store().list_stored_audit(request).await;
        let answer = answer.map_err(|status| AccountError::storage("reading the audit log", status))?;
        let answer = answer.into_inner();
        Ok(pb::ListAuditResponse {
            entries: answer.entries,
            next_page_token: answer.next_page_token,
        })
    }
}

/// An answer, or the status of an error.
fn answer<T>(rpc: &'static str, result: Result<T, AccountError>) -> Result<Response<T>, Status> {
    result.map(Response::new).map_err(|error| refuse(rpc, &error))
}

#[tonic::async_trait]
impl AccountService for AccountGrpc {
    async fn register(&self, request: Request<pb::RegisterRequest>) -> Result<Response<pb::RegisterResponse>, Status> {
        let caller = caller(request.extensions());
        let request = request.into_inner();
        let password = Password::new(request.password);
        // Each registration costs a hash: an address may not have any number of them.
        let whose = [Whose::Address(address(&caller))];
        let registered = async {
            self.try_once(&whose)?;
            let (name, code) = (&request.name, &request.invitation);
            people::register(&self.keeper, &self.hashing, self.registration, name, &password, code).await
        };
        answer(
            "Register",
            registered.await.map(|account| pb::RegisterResponse {
                user: Some(user(&account)),
            }),
        )
    }

    async fn login(&self, request: Request<pb::LoginRequest>) -> Result<Response<pb::LoginResponse>, Status> {
        let caller = caller(request.extensions());
        answer("Login", self.log_in(request.into_inner(), &caller).await)
    }

    async fn logout(&self, request: Request<pb::LogoutRequest>) -> Result<Response<pb::LogoutResponse>, Status> {
        let known = caller(request.extensions()).known;
        let id = known.map(|known| known.session_id).filter(|id| !id.is_empty());
        let ended = match id {
            Some(id) => sessions::close(&self.keeper, &id).await,
            None => Ok(false),
        };
        answer("Logout", ended.map(|ended| pb::LogoutResponse { ended }))
    }

    async fn who_am_i(&self, request: Request<pb::WhoAmIRequest>) -> Result<Response<pb::WhoAmIResponse>, Status> {
        answer("WhoAmI", self.who(&caller(request.extensions())).await)
    }

    async fn change_password(
        &self,
        request: Request<pb::ChangePasswordRequest>,
    ) -> Result<Response<pb::ChangePasswordResponse>, Status> {
        let caller = caller(request.extensions());
        let request = request.into_inner();
        let (old, new) = (Password::new(request.old_password), Password::new(request.new_password));
        let changed = async {
            let own = self.own(&caller).await?;
            let proven = self.proven(&own.name, old, &caller).await?;
            let session_id = caller.known.as_ref().map_or("", |known| known.session_id.as_str());
            people::change_password(&self.keeper, &self.hashing, &proven, &new, session_id).await
        };
        let changed = changed.await;
        answer(
            "ChangePassword",
            changed.map(|ended| pb::ChangePasswordResponse { ended }),
        )
    }

    async fn list_sessions(
        &self,
        request: Request<pb::ListSessionsRequest>,
    ) -> Result<Response<pb::ListSessionsResponse>, Status> {
        let caller = caller(request.extensions());
        let found = Self::list_sessions(self, &request.get_ref().user, &caller).await;
        answer(
            "ListSessions",
            found.map(|sessions| pb::ListSessionsResponse { sessions }),
        )
    }

    async fn revoke_session(
        &self,
        request: Request<pb::RevokeSessionRequest>,
    ) -> Result<Response<pb::RevokeSessionResponse>, Status> {
        let caller = caller(request.extensions());
        let ended = self.revoke(&request.get_ref().id, &caller).await;
        answer(
            "RevokeSession",
            ended.map(|session| pb::RevokeSessionResponse { session: Some(session) }),
        )
    }

    async fn create_token(
        &self,
        request: Request<pb::CreateTokenRequest>,
    ) -> Result<Response<pb::CreateTokenResponse>, Status> {
        let caller = caller(request.extensions());
        answer(
            "CreateToken",
            Self::create_token(self, request.into_inner(), &caller).await,
        )
    }

    async fn add_user(&self, request: Request<pb::AddUserRequest>) -> Result<Response<pb::AddUserResponse>, Status> {
        let caller = caller(request.extensions());
        answer("AddUser", self.add(request.into_inner(), &caller).await)
    }

    async fn list_users(&self, _: Request<pb::ListUsersRequest>) -> Result<Response<pb::ListUsersResponse>, Status> {
        let book = self.keeper.book().await;
        let users = book.map(|book| book.accounts().into_iter().map(user).collect());
        answer("ListUsers", users.map(|users| pb::ListUsersResponse { users }))
    }

    async fn update_user(
        &self,
        request: Request<pb::UpdateUserRequest>,
    ) -> Result<Response<pb::UpdateUserResponse>, Status> {
        let caller = caller(request.extensions());
        let changed = people::update(&self.keeper, &self.hashing, request.get_ref(), &caller.user).await;
        answer(
            "UpdateUser",
            changed.map(|(account, ended)| pb::UpdateUserResponse {
                user: Some(user(&account)),
                ended,
            }),
        )
    }

    async fn create_invitation(
        &self,
        request: Request<pb::CreateInvitationRequest>,
    ) -> Result<Response<pb::CreateInvitationResponse>, Status> {
        let caller = caller(request.extensions());
        let request = request.into_inner();
        let invited = async {
            let own = self.own(&caller).await?;
            let rank = Rank::of_message(request.rank()).unwrap_or(Rank::Viewer);
            let lifetime_ms = request.lifetime.as_ref().map(convert::duration_ms);
            sessions::invite(&self.keeper, &own, rank, lifetime_ms).await
        };
        answer(
            "CreateInvitation",
            invited.await.map(|opened| pb::CreateInvitationResponse {
                code: opened.secret.to_string(),
                expires: opened.token.expires,
            }),
        )
    }

    async fn list_audit(
        &self,
        request: Request<pb::ListAuditRequest>,
    ) -> Result<Response<pb::ListAuditResponse>, Status> {
        answer("ListAudit", self.audit(request.into_inner()).await)
    }

    async fn authenticate(
        &self,
        request: Request<pb::AuthenticateRequest>,
    ) -> Result<Response<pb::AuthenticateResponse>, Status> {
        let admitted = admission::admit(&self.keeper, request.get_ref()).await;
        answer(
            "Authenticate",
            admitted.map(|(answer, identity)| {
                if let Some(token) = identity.and_then(|identity| identity.to_store) {
                    let keeper = Arc::clone(&self.keeper);
                    self.shutdown
                        .spawn("session seen", async move { keeper.seen(token).await });
                }
                answer
            }),
        )
    }
}
