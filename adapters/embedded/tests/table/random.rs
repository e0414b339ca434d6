//! Random operations: `SQLite` answers as the model does. `PROPTEST_CASES` sets how many.

use proptest::proptest;
use shared::port::table::contract::{
    Model,
    random::{compare, steps},
};
use tokio::runtime::Builder;

use crate::support::{clock, memory};

proptest! {
    #[test]
    fn sqlite_answers_as_the_model(steps in steps(1..80)) {
        let clock = clock();
        let (table, model) = (memory(&clock), Model::new(clock.clone()));
        Builder::new_current_thread().build().unwrap().block_on(compare(&*table, &model, &clock, &steps));
    }
}
