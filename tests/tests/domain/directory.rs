//! Whose a name is, for those who may not look at accounts.

use std::collections::BTreeSet;

use serde_json::json;
use shared::{
    port::{Rules, identity::Privilege},
    user::directory,
};
use tests::{Call, Cloud, PASSWORD};

/// Whose the name is; and the directory says so of both.
pub(crate) async fn whose(cloud: &Cloud, name: &str) -> Option<String> {
    let user = directory::find(cloud.ports(), &name.parse().unwrap()).await.unwrap()?;
    let names = directory::names(cloud.ports(), &BTreeSet::from([user.clone()])).await.unwrap();
    assert_eq!(names[&user].folded(), name.to_lowercase());
    Some(user.to_string())
}

#[tokio::test]
async fn an_account_is_found_from_its_confirmation_to_its_end() {
    let cloud = Cloud::new();
    let body = json!({ "user_name": "Ann@x.io", "password": PASSWORD });
    cloud.call(Call::post("/v1/user2").json(&body)).await.expect(201);
    assert_eq!(whose(&cloud, "ann@x.io").await, None);
    let code = cloud.mail.code("Ann@x.io");
    cloud.call(Call::post("/v1/user2").json(&json!({ "user_name": "ANN@x.io", "verification_code": code }))).await.expect(201);
    let ann = cloud.log_in("ann@x.io").await;
    assert_eq!(whose(&cloud, "aNN@x.io").await, Some(ann.id));
    cloud.call(Call::delete("/v1/user2?request=true").by(&ann.access)).await.expect(200);
    let code = cloud.mail.code("Ann@x.io");
    cloud.call(Call::delete(&format!("/v1/user2?verification_code={code}")).by(&ann.access)).await.expect(200);
    assert_eq!(whose(&cloud, "ann@x.io").await, None);
}

#[tokio::test]
async fn accounts_that_are_made_for_others_are_found() {
    let cloud = Cloud::new();
    let admin = cloud.admin("admin", Privilege::Admin).await;
    assert_eq!(whose(&cloud, "admin@x.io").await, Some(admin.id));
    let name = "new@x.io".parse().unwrap();
    cloud.mail.refuse(true);
    cloud.ports().identity.invite(&name, Privilege::None).await.unwrap_err();
    assert_eq!(whose(&cloud, "new@x.io").await, None, "the letter was not taken");
    cloud.mail.refuse(false);
    let made = cloud.ports().identity.invite(&name, Privilege::None).await.unwrap();
    assert_eq!(whose(&cloud, "new@x.io").await, Some(made.user_id.to_string()));
}

#[tokio::test]
async fn a_guest_who_becomes_a_user_has_one_name() {
    let cloud = Cloud::with_rules(Rules { guest_days: Some(30), ..Rules::default() });
    let begun = cloud.call(Call::post("/v1/user/guest")).await.expect(201);
    let (name, access) = (begun["user_name"].as_str().unwrap(), begun["accesstoken"].as_str().unwrap());
    let guest = whose(&cloud, name).await;
    assert!(guest.is_some());
    let convert = async |step: &str, body| {
        cloud.call(Call::post(&format!("/v1/user/guest/conversion/{step}")).by(access).json(&body)).await.expect(200);
    };
    convert("initiate", json!({ "user_name": "ann@x.io" })).await;
    let code = cloud.mail.code("ann@x.io");
    convert("verify", json!({ "user_name": "ann@x.io", "verification_code": code, "password": PASSWORD })).await;
    assert_eq!((whose(&cloud, name).await, whose(&cloud, "ann@x.io").await), (None, guest));
}
