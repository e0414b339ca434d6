//! `raincloud admin user`.

use std::io::{self, IsTerminal as _};

use builtin::clock::RandomIds;
use clap::Subcommand;
use form_urlencoded::Serializer;
use hyper::http::Method;
use serde_json::{Value, json};
use shared::{
    access::SuperAdmin,
    port::{clock::Ids as _, identity::Privilege},
    user::{
        administer::{
            change, delete,
            list::{self, MAX_PAGE, Which},
            make,
        },
        name::{Password, UserName},
    },
};

use super::{
    Cloud, Where, print_pages,
    remote::{Api, first_line},
};
use crate::say;

const PATH: &str = "/v1/admin/user2";

/// What can be done with accounts.
#[derive(Subcommand, Debug)]
pub(crate) enum UserCommand {
    /// Make an account
    ///
    /// With `--data` its password is asked for, or is the first line of standard input; of an empty one, a random password
    /// is made and printed this once. With `--url` a random one is sent to the user.
    Add(AddArgs),
    /// List all accounts
    List(ListArgs),
    /// Let a user in no more, and end all sessions
    Disable(NamedArgs),
    /// Let a user who was disabled in again
    Enable(NamedArgs),
    /// Delete an account with all that belongs to it
    ///
    /// With `--url` a code is sent to you first, and asked for.
    Delete(DeleteArgs),
}

/// What `admin user add` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct AddArgs {
    #[command(flatten)]
    named: NamedArgs,

    /// It may administer users
    #[arg(long, conflicts_with = "super_admin")]
    admin: bool,

    /// It may administer everything
    #[arg(long)]
    super_admin: bool,
}

/// What `admin user list` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    at: Where,

    /// Print each account as a JSON object on a line
    #[arg(long)]
    json: bool,
}

/// What `admin user delete` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct DeleteArgs {
    #[command(flatten)]
    named: NamedArgs,

    /// The code that was sent to you
    #[arg(long, requires = "url")]
    code: Option<String>,
}

/// What is needed where a user is named.
#[derive(clap::Args, Debug)]
pub(crate) struct NamedArgs {
    #[command(flatten)]
    at: Where,

    /// Print the outcome as a JSON object
    #[arg(long)]
    json: bool,

    /// The user's name, an e-mail address
    #[arg(value_name = "NAME")]
    name: UserName,
}

/// Does it.
pub(super) async fn run(command: UserCommand) -> anyhow::Result<()> {
    let at = match &command {
        UserCommand::List(args) => &args.at,
        UserCommand::Add(AddArgs { named, .. })
        | UserCommand::Delete(DeleteArgs { named, .. })
        | UserCommand::Disable(named)
        | UserCommand::Enable(named) => &named.at,
    };
    // The first account may be made before the first start.
    let mut cloud = if matches!(command, UserCommand::Add(_)) { at.make().await? } else { at.open().await? };
    let done = match &command {
        UserCommand::Add(args) => add(&mut cloud, args).await,
        UserCommand::List(args) => print(&mut cloud, args.json).await,
        UserCommand::Disable(args) => enable(&mut cloud, args, false).await,
        UserCommand::Enable(args) => enable(&mut cloud, args, true).await,
        UserCommand::Delete(args) => remove(&mut cloud, args).await,
    };
    cloud.close().await;
    done
}

fn owner() -> SuperAdmin {
    SuperAdmin::trusted_because("the owner administers accounts on the machine itself")
}

async fn add(cloud: &mut Cloud, args: &AddArgs) -> anyhow::Result<()> {
    let name = &args.named.name;
    let privilege = match (args.super_admin, args.admin) {
        (true, _) => Privilege::SuperAdmin,
        (_, true) => Privilege::Admin,
        _ => Privilege::None,
    };
    let mut told = json!({ "user_name": name.as_str(), "privilege": privilege.as_str() });
    let text = match cloud {
        Cloud::Here(opened) => {
            let (password, made) = password(name)?;
            make::with_password(&opened.ports, &owner(), name, &password, privilege).await?;
            if made {
                told["password"] = password.reveal().into();
                format!("The account of {} is made. Its password is {}", name.as_str(), password.reveal())
            } else {
                format!("The account of {} is made.", name.as_str())
            }
        }
        Cloud::There(api) => {
            let body = json!({ "user_name": name.as_str(), "admin": args.admin, "super_admin": args.super_admin });
            api.call(Method::POST, PATH, Some(&body)).await?;
            format!("The account of {} is made. Its password was sent there.", name.as_str())
        }
    };
    tell(args.named.json, &told, &text)
}

/// The password of a new account, and whether it was made here.
fn password(name: &UserName) -> anyhow::Result<(Password, bool)> {
    let given = if io::stdin().is_terminal() {
        let first = rpassword::prompt_password(format!("Password of {} (nothing: a random one): ", name.as_str()))?;
        anyhow::ensure!(first.is_empty() || rpassword::prompt_password("Once more: ")? == first, "these are two different passwords");
        first
    } else {
        first_line(Ok(io::stdin().lock()))?
    };
    if given.is_empty() {
        // What is added makes it a password whatever symbols the id has.
        return Ok((format!("{}-Aa1", RandomIds.id()).parse()?, true));
    }
    Ok((given.parse()?, false))
}

fn tell(as_json: bool, told: &Value, text: &str) -> anyhow::Result<()> {
    if as_json {
        say::json(told)?;
    } else {
        say::line(text)?;
    }
    Ok(())
}

async fn print(cloud: &mut Cloud, as_json: bool) -> anyhow::Result<()> {
    let shown = |user: &Value| {
        let privilege = user["privilege"].as_str().filter(|privilege| *privilege != "none").unwrap_or_default();
        let disabled = if user["enabled"] == false { "   disabled" } else { "" };
        let (name, at) = (user["user_name"].as_str().unwrap_or_default(), user["created_at"].as_i64().unwrap_or_default());
        format!("{name:<32}   {}   {privilege}{disabled}", say::moment(at)).trim_end().to_owned()
    };
    print_pages(as_json, "no accounts", async |after| page(cloud, after).await, Value::clone, shown).await
}

/// A page of accounts, as they are printed, and where the next begins.
async fn page(cloud: &mut Cloud, after: Option<String>) -> anyhow::Result<(Vec<Value>, Option<String>)> {
    let shown = |id: &str, name: &str, privilege: Privilege, enabled: bool, created: i64| json!({ "user_name": name, "user_id": id, "privilege": privilege.as_str(), "enabled": enabled, "created_at": created });
    match cloud {
        Cloud::Here(opened) => {
            let after = after.map(|after| after.parse()).transpose()?;
            let (found, next) = list::list(&opened.ports, owner().as_admin(), "", Which::All, MAX_PAGE, after).await?;
            let accounts = found.iter().map(|listed| &listed.account);
            let shown = accounts.map(|of| shown(of.user_id.as_str(), of.user_name.as_str(), of.privilege, of.enabled, of.created));
            Ok((shown.collect(), next.map(|next| next.to_string())))
        }
        Cloud::There(api) => {
            let (users, next) = super::remote_page(api, &format!("{PATH}?all=true"), "users_list", after).await?;
            let text = |user: &Value, key: &str| user[key].as_str().unwrap_or_default().to_owned();
            let shown = users.iter().map(|user| {
                let privilege = match (user["super_admin"] == true, user["admin"] == true) {
                    (true, _) => Privilege::SuperAdmin,
                    (_, true) => Privilege::Admin,
                    _ => Privilege::None,
                };
                let created = user["created"].as_i64().unwrap_or_default();
                shown(&text(user, "user_id"), &text(user, "user_name"), privilege, user["enabled"] == true, created)
            });
            Ok((shown.collect(), next))
        }
    }
}

async fn enable(cloud: &mut Cloud, args: &NamedArgs, enabled: bool) -> anyhow::Result<()> {
    let name = &args.name;
    match cloud {
        Cloud::Here(opened) => change::enabled(&opened.ports, owner().as_admin(), name, enabled).await?,
        Cloud::There(api) => {
            let body = json!({ "user_name": name.as_str(), "enabled": enabled });
            api.call(Method::PUT, PATH, Some(&body)).await?;
        }
    }
    let told = json!({ "user_name": name.as_str(), "enabled": enabled });
    let what = if enabled { "is enabled." } else { "is disabled. Sessions have ended; what was open ends within seconds." };
    tell(args.json, &told, &format!("{} {what}", name.as_str()))
}

async fn remove(cloud: &mut Cloud, args: &DeleteArgs) -> anyhow::Result<()> {
    let name = &args.named.name;
    let deleted = match cloud {
        Cloud::Here(opened) => {
            delete::at_once(&opened.ports, &owner(), name).await?;
            true
        }
        Cloud::There(api) => remove_there(api, args).await?,
    };
    let told = json!({ "user_name": name.as_str(), "deleted": deleted });
    let text = if deleted {
        format!("{} is deleted.", name.as_str())
    } else {
        "A code was sent to you. Run this again with --code CODE.".to_owned()
    };
    tell(args.named.json, &told, &text)
}

/// Is it deleted? Otherwise a code was sent.
async fn remove_there(api: &mut Api, args: &DeleteArgs) -> anyhow::Result<bool> {
    let name = &args.named.name;
    let step = |key: &str, value: &str| {
        let query = Serializer::new(String::new()).append_pair("user_name", name.as_str()).append_pair(key, value).finish();
        format!("{PATH}?{query}")
    };
    let code = if let Some(code) = &args.code {
        code.clone()
    } else {
        api.call(Method::DELETE, &step("request", "true"), None).await?;
        if name.is_guest() {
            return Ok(true);
        }
        if !io::stdin().is_terminal() {
            return Ok(false);
        }
        rpassword::prompt_password("A code was sent to you. Code: ")?
    };
    api.call(Method::DELETE, &step("verification_code", &code), None).await?;
    Ok(true)
}
