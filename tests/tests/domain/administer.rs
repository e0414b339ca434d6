//! Administering the accounts of others: who may do what.

use serde_json::{Value, json};
use shared::port::identity::Privilege;
use tests::{Answer, Call, Cloud, PASSWORD, User};

const PATH: &str = "/v1/admin/user2";

async fn list(cloud: &Cloud, by: &User, query: &str) -> Answer {
    cloud.call(Call::get(&format!("{PATH}?{query}")).by(&by.access)).await
}

async fn make(cloud: &Cloud, by: &User, body: Value) -> Answer {
    cloud.call(Call::post(PATH).by(&by.access).json(&body)).await
}

async fn change(cloud: &Cloud, by: &User, body: Value) -> Answer {
    cloud.call(Call::put(PATH).by(&by.access).json(&body)).await
}

async fn delete(cloud: &Cloud, by: &User, name: &str, step: &str) -> Answer {
    cloud.call(Call::delete(&format!("{PATH}?user_name={name}&{step}")).by(&by.access)).await
}

async fn log_in(cloud: &Cloud, name: &str) -> Answer {
    cloud.call(Call::post("/v1/login2").json(&json!({ "user_name": name, "password": PASSWORD }))).await
}

fn names(page: &Value) -> Vec<&str> {
    page["users_list"].as_array().unwrap().iter().map(|user| user["user_name"].as_str().unwrap()).collect()
}

/// A super admin, two admins and two users.
async fn staffed() -> (Cloud, User, User) {
    let cloud = Cloud::new();
    let root = cloud.admin("root", Privilege::SuperAdmin).await;
    let admin = cloud.admin("admin", Privilege::Admin).await;
    cloud.admin("bdmin", Privilege::Admin).await;
    for name in ["ann", "bob"] {
        cloud.user(name).await;
    }
    (cloud, root, admin)
}

/// All that the owner knows of everybody.
async fn state(cloud: &Cloud) -> String {
    let (accounts, _) = cloud.ports().identity.list("", 100, None).await.unwrap();
    format!("{accounts:?}")
}

#[tokio::test]
async fn a_list_shows_those_that_the_caller_may_see() {
    let (cloud, root, admin) = staffed().await;
    let page = list(&cloud, &root, "").await.expect(200);
    assert_eq!(names(&page), ["admin@x.io", "bdmin@x.io", "root@x.io"]);
    assert_eq!((&page["total"], &page["next_id"]), (&json!(3), &Value::Null));
    let shown = &page["users_list"][2];
    assert_eq!(
        (&shown["super_admin"], &shown["admin"], &shown["enabled"], &shown["mfa"]),
        (&json!(true), &Value::Null, &json!(true), &json!(false))
    );
    for (query, by_root, by_admin) in [
        (
            "all=true",
            vec!["admin@x.io", "ann@x.io", "bdmin@x.io", "bob@x.io", "root@x.io"],
            vec!["admin@x.io", "ann@x.io", "bdmin@x.io", "bob@x.io"],
        ),
        ("admin=true", vec!["admin@x.io", "bdmin@x.io"], vec!["admin@x.io", "bdmin@x.io"]),
        ("user_name=B", vec!["bdmin@x.io", "bob@x.io"], vec!["bdmin@x.io", "bob@x.io"]),
        ("user_name=ANN@x.io", vec!["ann@x.io"], vec!["ann@x.io"]),
        ("user_name=root@x.io", vec!["root@x.io"], vec![]),
        ("user_name=nobody@x.io", vec![], vec![]),
    ] {
        assert_eq!(names(&list(&cloud, &root, query).await.expect(200)), by_root, "{query}");
        assert_eq!(names(&list(&cloud, &admin, query).await.expect(200)), by_admin, "{query}");
    }
    assert_eq!(names(&list(&cloud, &root, "superadmin=true").await.expect(200)), ["root@x.io"]);
    list(&cloud, &admin, "superadmin=true").await.expect_failure(400, 100_004);
    list(&cloud, &root, "user_id=x").await.expect_failure(400, 100_012);
    list(&cloud, &root, "user_name=%2B15550100").await.expect_failure(400, 101_037);
    list(&cloud, &root, "start_id=***").await.expect_failure(400, 105_043);
}

#[tokio::test]
async fn a_list_has_pages_without_gaps() {
    let cloud = Cloud::new();
    let root = cloud.admin("zroot", Privilege::SuperAdmin).await;
    let name = |number: usize| format!("u{number:02}@x.io");
    for number in 0..30 {
        cloud.ports().identity.make(&name(number).parse().unwrap(), &PASSWORD.parse().unwrap(), Privilege::None).await.unwrap();
    }
    let first = list(&cloud, &root, "all=true").await.expect(200);
    assert_eq!(first["total"], 25, "what is not said is 25");
    let (mut found, mut start, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = list(&cloud, &root, &format!("all=true&num_records=7&start_id={start}")).await.expect(200);
        found.extend(names(&page).into_iter().map(str::to_owned));
        pages += 1;
        let Some(next) = page["next_id"].as_str() else { break };
        next.clone_into(&mut start);
    }
    let wanted: Vec<_> = (0..30).map(name).chain(["zroot@x.io".to_owned()]).collect();
    assert_eq!((found, pages), (wanted, 5));
    // The only one who fits comes after thirty who do not.
    let (mut found, mut start) = (Vec::new(), String::new());
    loop {
        let page = list(&cloud, &root, &format!("num_records=2&start_id={start}")).await.expect(200);
        found.extend(names(&page).into_iter().map(str::to_owned));
        let Some(next) = page["next_id"].as_str() else { break };
        next.clone_into(&mut start);
    }
    assert_eq!(found, ["zroot@x.io"]);
}

#[tokio::test]
async fn an_account_that_was_made_gets_its_password_by_letter() {
    let (cloud, root, admin) = staffed().await;
    make(&cloud, &admin, json!({ "user_name": "New@x.io" })).await.expect(201);
    let letter = cloud.mail.text("New@x.io");
    let password = letter.lines().find_map(|line| line.strip_prefix("Password: ")).unwrap();
    let body = json!({ "user_name": "new@x.io", "password": password });
    cloud.call(Call::post("/v1/login2").json(&body)).await.expect(200);
    make(&cloud, &root, json!({ "user_name": "second@x.io", "super_admin": true })).await.expect(201);
    make(&cloud, &admin, json!({ "user_name": "third@x.io", "admin": true })).await.expect(201);
    let page = list(&cloud, &root, "").await.expect(200);
    assert_eq!(names(&page), ["admin@x.io", "bdmin@x.io", "root@x.io", "second@x.io", "third@x.io"]);
}

#[tokio::test]
async fn what_may_not_be_made_is_not() {
    let (cloud, root, admin) = staffed().await;
    let (before, letters) = (state(&cloud).await, cloud.mail.count());
    for (by, body, code) in [
        (&root, json!({}), 101_001),
        (&root, json!({ "user_name": "x" }), 101_002),
        (&root, json!({ "user_name": "ann@X.io" }), 101_006),
        (&root, json!({ "user_name": "Root@x.io" }), 101_053),
        (&root, json!({ "user_name": "guest@x.temp.user" }), 101_087),
        (&root, json!({ "user_name": "new@x.io", "roles": ["r"] }), 129_039),
        (&admin, json!({ "user_name": "new@x.io", "super_admin": true }), 100_004),
    ] {
        make(&cloud, by, body).await.expect_failure(400, code);
    }
    cloud.mail.refuse(true);
    make(&cloud, &root, json!({ "user_name": "new@x.io" })).await.expect_failure(500, 100_001);
    assert_eq!((state(&cloud).await, cloud.mail.count()), (before, letters));
    cloud.mail.refuse(false);
    make(&cloud, &root, json!({ "user_name": "new@x.io" })).await.expect(201);
}

#[tokio::test]
async fn privileges_change_as_the_contract_says() {
    let (cloud, root, admin) = staffed().await;
    for (body, code) in [
        (json!({ "admin": false }), Some(101_082)),
        (json!({ "super_admin": false }), Some(101_081)),
        (json!({ "admin": true }), None),
        (json!({ "admin": true }), Some(101_084)),
        (json!({ "super_admin": true }), None),
        (json!({ "super_admin": true }), Some(101_083)),
        (json!({ "admin": true }), None),
        (json!({ "super_admin": false }), Some(101_081)),
        (json!({ "admin": false }), None),
        (json!({}), Some(101_080)),
        (json!({ "admin": true, "super_admin": true }), Some(101_080)),
        (json!({ "admin": true, "enabled": true }), Some(100_012)),
        (json!({ "admin": true, "tags": ["a:b"] }), Some(100_012)),
    ] {
        let mut with_name = body.clone();
        with_name["user_name"] = "ann@x.io".into();
        let answer = change(&cloud, &root, with_name).await;
        match code {
            Some(code) => drop(answer.expect_failure(400, code)),
            None => drop(answer.expect(200)),
        }
    }
    change(&cloud, &root, json!({ "user_name": "nobody@x.io", "admin": true })).await.expect_failure(404, 101_025);
    // Who loses a privilege is logged out.
    change(&cloud, &root, json!({ "user_name": "admin@x.io", "admin": false })).await.expect(200);
    list(&cloud, &admin, "").await.expect_failure(401, 100_047);
}

#[tokio::test]
async fn nobody_acts_on_themselves_or_on_those_above() {
    let (cloud, root, admin) = staffed().await;
    let before = state(&cloud).await;
    for (by, name, code) in
        [(&root, "ROOT@x.io", 101_053), (&admin, "admin@x.io", 101_053), (&admin, "bdmin@x.io", 100_004), (&admin, "root@x.io", 100_004)]
    {
        for what in [json!({ "enabled": false }), json!({ "admin": false }), json!({ "super_admin": true })] {
            let mut body = what.clone();
            body["user_name"] = name.into();
            change(&cloud, by, body).await.expect_failure(400, code);
        }
    }
    change(&cloud, &admin, json!({ "user_name": "ann@x.io", "super_admin": true })).await.expect_failure(400, 100_004);
    let ann = log_in(&cloud, "ann@x.io").await.expect(200);
    let ann = User { id: String::new(), access: ann["accesstoken"].as_str().unwrap().to_owned(), refresh: String::new() };
    list(&cloud, &ann, "").await.expect_failure(400, 100_004);
    make(&cloud, &ann, json!({ "user_name": "new@x.io" })).await.expect_failure(400, 100_004);
    change(&cloud, &ann, json!({ "user_name": "bob@x.io", "enabled": false })).await.expect_failure(400, 100_004);
    delete(&cloud, &ann, "bob@x.io", "request=true").await.expect_failure(400, 100_004);
    assert_eq!(state(&cloud).await, before);
}

#[tokio::test]
async fn who_is_disabled_is_out_until_enabled() {
    let (cloud, _, admin) = staffed().await;
    let bob = cloud.log_in("bob@x.io").await;
    let enabled = |enabled: bool| json!({ "user_name": "bob@x.io", "enabled": enabled });
    for _ in 0..2 {
        change(&cloud, &admin, enabled(false)).await.expect(200);
    }
    assert_eq!(list(&cloud, &admin, "user_name=bob@x.io").await.expect(200)["users_list"][0]["enabled"], false);
    log_in(&cloud, "bob@x.io").await.expect_failure(400, 101_016);
    cloud.call(Call::get("/v1/user2").by(&bob.access)).await.expect_failure(401, 100_047);
    cloud.call(Call::post("/v1/login2").json(&json!({ "refreshtoken": bob.refresh }))).await.expect_failure(400, 101_017);
    change(&cloud, &admin, enabled(true)).await.expect(200);
    log_in(&cloud, "bob@x.io").await.expect(200);
}

#[tokio::test]
async fn deleting_needs_the_code_for_that_very_account() {
    let (cloud, root, admin) = staffed().await;
    delete(&cloud, &admin, "bob@x.io", "").await.expect_failure(400, 119_007);
    delete(&cloud, &admin, "", "request=true").await.expect_failure(400, 101_001);
    delete(&cloud, &admin, "nobody@x.io", "request=true").await.expect_failure(400, 119_006);
    delete(&cloud, &admin, "bdmin@x.io", "request=true").await.expect_failure(400, 100_004);
    delete(&cloud, &admin, "root@x.io", "request=true").await.expect_failure(400, 119_017);
    delete(&cloud, &admin, "admin@x.io", "request=true").await.expect_failure(400, 101_053);
    delete(&cloud, &admin, "bob@x.io", "verification_code=123456").await.expect_failure(400, 119_015);
    delete(&cloud, &admin, "bob@x.io", "request=true").await.expect(200);
    let (code, text) = (cloud.mail.code("admin@x.io"), cloud.mail.text("admin@x.io"));
    assert!(text.contains("bob@x.io"), "{text}");
    let right = format!("verification_code={code}");
    delete(&cloud, &admin, "ann@x.io", &right).await.expect_failure(400, 119_015);
    delete(&cloud, &root, "bob@x.io", &right).await.expect_failure(400, 119_015);
    delete(&cloud, &admin, "bob@x.io", "verification_code=000000").await.expect_failure(400, 119_005);
    delete(&cloud, &admin, "bob@x.io", &right).await.expect(200);
    log_in(&cloud, "bob@x.io").await.expect_failure(400, 101_009);
    log_in(&cloud, "ann@x.io").await.expect(200);
    // The code was for once.
    cloud.user("bob").await;
    delete(&cloud, &admin, "bob@x.io", &right).await.expect_failure(400, 119_015);
    delete(&cloud, &root, "bdmin@x.io", "request=true").await.expect(200);
    for _ in 0..5 {
        delete(&cloud, &root, "bdmin@x.io", "verification_code=000000").await.expect_failure(400, 119_005);
    }
    delete(&cloud, &root, "bdmin@x.io", &format!("verification_code={}", cloud.mail.code("root@x.io"))).await.expect_failure(400, 119_016);
}
