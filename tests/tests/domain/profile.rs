//! What users say of themselves: names, tags, custom data, public profiles.

use serde_json::{Value, json};
use tests::{Answer, Call, Cloud, User};

async fn put(cloud: &Cloud, user: &User, path: &str, body: Value) -> Answer {
    cloud.call(Call::put(path).by(&user.access).json(&body)).await
}

async fn get(cloud: &Cloud, user: &User, path: &str) -> Value {
    cloud.call(Call::get(path).by(&user.access)).await.expect(200)
}

#[tokio::test]
async fn name_locale_and_tags_are_shown_as_they_were_set() {
    let cloud = Cloud::new();
    let user = cloud.user("a").await;
    assert_eq!(get(&cloud, &user, "/v1/user2").await["locale"], "no_locale");
    put(&cloud, &user, "/v1/user2", json!({ "name": " Änn " })).await.expect(200);
    put(&cloud, &user, "/v1/user", json!({ "locale": "EN-us" })).await.expect(200);
    put(&cloud, &user, "/v1/user2", json!({ "operation": "add", "tags": ["floor:2", "floor:3", "floor:2"] })).await.expect(200);
    put(&cloud, &user, "/v1/user2", json!({ "operation": "remove", "tags": ["floor:3", "none:1"] })).await.expect(200);
    let shown = get(&cloud, &user, "/v1/user").await;
    assert_eq!((&shown["name"], &shown["locale"], &shown["tags"]), (&"Änn".into(), &"en-us".into(), &json!(["floor:2"])));
    put(&cloud, &user, "/v1/user2", json!({ "locale": "" })).await.expect(200);
    assert_eq!(get(&cloud, &user, "/v1/user2").await["locale"], "no_locale");
}

#[tokio::test]
async fn what_cannot_be_updated_is_refused_by_its_number_and_changes_nothing() {
    let cloud = Cloud::new();
    let user = cloud.user("a").await;
    let before = get(&cloud, &user, "/v1/user2").await;
    for (body, code) in [
        (json!({}), 101_045),
        (json!({ "name": "" }), 101_053),
        (json!({ "name": "x".repeat(257) }), 101_053),
        (json!({ "name": "x", "locale": "rm_non_branded" }), 112_048),
        (json!({ "locale": "a b" }), 112_048),
        (json!({ "phone_number": "+4915550100" }), 101_037),
        (json!({ "verification_code": "123456" }), 101_047),
        (json!({ "mfa": true }), 101_047),
        (json!({ "tags_verification_code": "123456" }), 101_012),
        (json!({ "operation": "set", "tags": ["a:b"] }), 101_066),
        (json!({ "operation": "add", "tags": ["ab"] }), 101_067),
        (json!({ "operation": "add" }), 101_067),
        (json!({ "name": 7 }), 100_006),
    ] {
        put(&cloud, &user, "/v1/user2", body).await.expect_failure(400, code);
    }
    assert_eq!(get(&cloud, &user, "/v1/user2").await, before);
}

#[tokio::test]
async fn custom_data_is_merged_as_the_contracts_examples_say() {
    let cloud = Cloud::new();
    let (user, other) = (cloud.user("a").await, cloud.user("b").await);
    assert_eq!(get(&cloud, &user, "/v1/user/custom_data").await, json!({}));
    for change in [
        json!({
            "membership_info": { "value": { "premium": true } },
            "profile": { "value": { "name": "Ann", "age": 60 } },
            "preferences": { "value": { "theme": "dark" } },
            "demographics": { "value": { "origin": "x", "Languages": ["English"] } },
        }),
        json!({ "profile": { "value": { "gender": "female" } } }),
        json!({ "membership_info": { "value": { "premium": false } }, "profile": { "value": { "age": 61 } } }),
        json!({ "profile": { "value": { "name": null } } }),
        json!({ "demographics": null }),
        json!({ "preferences": { "value": null } }),
        json!({ "timeZone": { "value": "Europe/Berlin", "perms": [{ "read": ["user"] }] } }),
    ] {
        let done = put(&cloud, &user, "/v1/user/custom_data", change).await.expect(200);
        assert_eq!(done["status"], "success");
    }
    let all = json!({
        "membership_info": { "value": { "premium": false } },
        "profile": { "value": { "age": 61, "gender": "female" } },
        "preferences": {},
        "timeZone": { "value": "Europe/Berlin", "perms": [{ "read": ["user"] }] },
    });
    assert_eq!(get(&cloud, &user, "/v1/user/custom_data").await, all);
    assert_eq!(get(&cloud, &user, "/v1/user2?custom_data=true").await["custom_data"], all);
    assert!(get(&cloud, &user, "/v1/user2?custom_data=undefined").await.get("custom_data").is_none());
    assert_eq!(get(&cloud, &other, "/v1/user/custom_data").await, json!({}));
    for bad in [json!({ "k": 7 }), json!({ "k": { "valu": 1 } }), json!({ "k": {} }), json!([]), json!({ "": { "value": 1 } })] {
        put(&cloud, &user, "/v1/user/custom_data", bad).await.expect_failure(400, 100_006);
    }
    put(&cloud, &user, "/v1/user/custom_data", json!({ "big": { "value": "x".repeat(400 * 1024) } })).await.expect_failure(400, 100_036);
    assert_eq!(get(&cloud, &user, "/v1/user/custom_data").await, all);
    put(&cloud, &user, "/v1/user/custom_data", Value::Null).await.expect(200);
    assert_eq!(get(&cloud, &user, "/v1/user/custom_data").await, json!({}));
}

#[tokio::test]
async fn changes_at_the_same_moment_do_not_undo_each_other() {
    let cloud = Cloud::new();
    let user = cloud.user("a").await;
    let puts = (0..4).map(|number| put(&cloud, &user, "/v1/user/custom_data", json!({ format!("k{number}"): { "value": number } })));
    let done = futures_util::future::join_all(puts).await;
    assert!(done.iter().all(|answer| answer.status == 200), "{done:?}");
    assert_eq!(get(&cloud, &user, "/v1/user/custom_data").await.as_object().unwrap().len(), 4);
}

#[tokio::test]
async fn a_public_profile_is_everybodys_to_see_and_its_users_to_change() {
    let cloud = Cloud::new();
    let (user, other) = (cloud.user("ann").await, cloud.user("bob").await);
    let path = "/v1/user/public_profile";
    put(&cloud, &user, path, json!({ "profile": { "nick": "ann", "links": { "a": 1, "b": 2 }, "empty": {} } })).await.expect(200);
    put(&cloud, &user, path, json!({ "profile": { "links": { "a": null, "b": null }, "nick": {} } })).await.expect(200);
    let seen = get(&cloud, &other, "/v1/user/public_profile?user_name=ANN@x.io").await;
    assert_eq!(seen, json!({ "user_name": "ann@x.io", "profile": { "nick": {}, "links": {}, "empty": {} } }));
    assert_eq!(get(&cloud, &other, path).await, json!({ "user_name": "bob@x.io", "profile": {} }));
    let call = Call::get("/v1/user/public_profile?user_name=nobody@x.io").by(&other.access);
    cloud.call(call).await.expect_failure(404, 101_025);
    put(&cloud, &user, path, json!({})).await.expect_failure(400, 100_006);
    put(&cloud, &user, path, json!({ "profile": null })).await.expect(200);
    assert_eq!(get(&cloud, &user, path).await["profile"], json!({}));
}
