//! The pages that are asked for.

use super::fill::SOME_ROBOT;

/// A kind of page.
pub struct Shape {
    /// What it is called in the tables.
    pub name: &'static str,
    /// Its query options, with the blanks that a person would write.
    query: String,
    /// Whether it may say how many jobs there are.
    pub counted: bool,
}

impl Shape {
    /// The query string.
    pub fn query(&self) -> String {
        let count = if self.counted { "" } else { "&$count=false" };
        format!("{}{count}", self.query.replace(' ', "%20"))
    }

    /// What is asked of the server.
    pub fn path(&self) -> String {
        format!("/odata/Jobs?{}", self.query())
    }

    /// Its name, and whether it counts.
    pub fn title(&self) -> String {
        let count = if self.counted { "" } else { ", no count" };
        format!("{}{count}", self.name)
    }
}

/// P1 to P5, each with the number of all jobs and without.
pub fn shapes(jobs: i64) -> Vec<Shape> {
    let newest = "$filter=State eq 'Successful'&$orderby=CreationTime desc&$top=100";
    let deep = (jobs / 2).min(50_000);
    let all = [
        ("P1 newest 100", newest.to_owned()),
        (
            "P2 with Robot, Release",
            format!("{newest}&$expand=Robot,Release"),
        ),
        (
            "P3 four columns of P1",
            format!("{newest}&$select=Id,State,ReleaseName,CreationTime"),
        ),
        (
            "P4 by robot, with Robot",
            format!("$filter=Robot/Name eq '{SOME_ROBOT}'&$orderby=Id desc&$top=100&$expand=Robot"),
        ),
        ("P5 deep page of P1", format!("{newest}&$skip={deep}")),
    ];
    let each = all.into_iter().flat_map(|(name, query)| {
        [true, false].map(|counted| Shape {
            name,
            query: query.clone(),
            counted,
        })
    });
    each.collect()
}

/// P7, the largest page there is.
pub fn largest() -> Shape {
    Shape {
        name: "P7 1,000 with Robot, Release",
        query: "$filter=State eq 'Successful'&$orderby=CreationTime desc&$top=1000\
                &$expand=Robot,Release"
            .to_owned(),
        counted: false,
    }
}
