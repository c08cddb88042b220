//! Uploads and versions.

use crate::face::Face;
use crate::guests;

#[tokio::test]
async fn each_component_is_a_version_of_its_own() {
    let face = Face::new().await;
    let put = async |component: Vec<u8>| face.call("PUT", "/v1/workflows/w", &[], component).await;
    let first = put(guests::echo()).await;
    assert_eq!((first.status.as_u16(), &first.json()["version"]), (201, &1.into()));
    let again = put(guests::echo()).await;
    assert_eq!((again.status.as_u16(), &again.json()["version"]), (200, &1.into()));
    assert_eq!(first.json()["deployed_at"], again.json()["deployed_at"]);
    let second = put(guests::other_echo()).await;
    assert_eq!((second.status.as_u16(), &second.json()["version"]), (201, &2.into()));
    assert_ne!(first.json()["digest"], second.json()["digest"]);
    let warning = second.json()["warnings"][0].as_str().expect("a warning").to_owned();
    assert!(warning.contains("reprise:workflow/transaction"), "{warning}");

    let versions = face.get("/v1/workflows/w").await.succeeded();
    let numbers: Vec<_> = versions["versions"].as_array().expect("a list").iter().map(|v| &v["version"]).collect();
    assert_eq!(numbers, [2, 1]);
    face.deploy("v", guests::echo()).await;
    let all = face.get("/v1/workflows").await.succeeded();
    let names: Vec<_> = all["workflows"].as_array().expect("a list").iter().map(|w| &w["workflow"]).collect();
    assert_eq!(names, ["v", "w"]);
    assert_eq!(all["workflows"][1]["version"], 2);
}
