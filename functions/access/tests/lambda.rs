//! The function's Lambda binaries as processes behind a Runtime API, over the local AWS emulator, with the tables
//! that the function may use and no other.

use serde_json::{Value, json};
use shared::{
    node::list,
    port::{
        identity::Privilege,
        table::{Batch, Key, TableId, Value as Stored, When, Write},
    },
};
use tests::{
    Call, PASSWORD,
    emulator::Base,
    runtime_api::{Function, get, request},
};

#[tokio::test]
async fn its_health_is_served_and_nothing_of_others() {
    let mut function = Function::start(env!("CARGO_BIN_EXE_access-api"), &[]).await;
    assert_eq!(function.invoke(get("/access/healthz")).await.unwrap()["statusCode"], 200);
    assert_eq!(function.invoke(get("/v1/user")).await.unwrap()["statusCode"], 404);
}

#[tokio::test]
async fn a_node_is_shared_and_taken_back_behind_the_api() {
    let base = Base::new().await;
    let ports = base.ports();
    let (mut ids, mut tokens) = (Vec::new(), Vec::new());
    for name in ["a@x.io", "b@x.io"] {
        let name = name.parse().unwrap();
        ids.push(ports.identity.make(&name, &PASSWORD.parse().unwrap(), Privilege::None).await.unwrap().user_id);
        tokens.push(ports.identity.sign_in(&name, PASSWORD).await.unwrap().access);
    }
    // A node that the first has mapped.
    let (user, node) = (format!("user#{}", ids[0]), "node#n1");
    let role = [("role", Stored::from("primary")), ("mapped_at", 1.into())];
    let owner = [("user", Stored::from(ids[0].as_str())), ("since", 1.into())];
    let writes = vec![
        Write::put(Key::new(TableId::Access, user, node), role, When::Always),
        Write::put(Key::new(TableId::Access, node, "owner"), owner, When::Always),
    ];
    ports.table.write(Batch::new(writes).unwrap()).await.unwrap();

    let mut function = Function::start(env!("CARGO_BIN_EXE_access-api"), &base.variables(access::TABLES)).await;
    let mut call = async |call: Call, token: &str| {
        let answer = function.invoke(request(&call, &json!({ "authorization": token }))).await.unwrap();
        assert_eq!(answer["statusCode"], 200, "{answer}");
        serde_json::from_str::<Value>(answer["body"].as_str().unwrap()).unwrap()
    };
    let sharing = "/v1/user/nodes/sharing";
    let offer = Call::put(sharing).json(&json!({ "nodes": ["n1"], "user_name": "b@x.io" }));
    let told = call(offer, &tokens[0]).await;
    let waiting = call(Call::get(&format!("{sharing}/requests")), &tokens[1]).await;
    assert_eq!(waiting["sharing_requests"][0]["request_id"], told["request_id"]);
    let accept = json!({ "accept": true, "request_id": told["request_id"] });
    call(Call::put(&format!("{sharing}/requests")).json(&accept), &tokens[1]).await;
    let users = call(Call::get(sharing), &tokens[1]).await["node_sharing"][0]["users"].clone();
    assert_eq!(users, json!({ "primary": ["a@x.io"], "secondary": ["b@x.io"] }));
    let guest = shared::access::Caller::of(&ports, &tokens[1]).await.unwrap();
    assert_eq!(list::ids(&ports, &guest, 10, None).await.unwrap().0.len(), 1);
    call(Call::delete(&format!("{sharing}?nodes=n1&user_name=b@x.io")), &tokens[0]).await;
    assert!(list::ids(&ports, &guest, 10, None).await.unwrap().0.is_empty());
}

#[tokio::test]
async fn there_are_no_events_yet() {
    let mut function = Function::start(env!("CARGO_BIN_EXE_access-events"), &[]).await;
    assert!(function.invoke(json!({ "detail-type": "Scheduled Event" })).await.is_err());
}
