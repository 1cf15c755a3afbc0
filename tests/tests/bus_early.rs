//! The early word of a cut: before the answer, once, to the peer that takes it, and only where it is known.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use mariasnap_dbus::Cut;
use mariasnap_dbus::names::{BUS_NAME, INTERFACE, OBJECT_PATH, SIGNAL_CUT_MADE};
use mariasnap_tests::fake_storage::TAKE_MS;
use mariasnap_tests::fake_txgs::{COURSE, Course};
use mariasnap_tests::private_bus::{Mood, Setup, World, proxy, until};
use zbus::export::futures_core::Stream;
use zbus::message::{Message, Type};
use zbus::{Connection, MatchRule, MessageStream};

const CUT: Duration = Duration::from_millis(600);

async fn world(course: Option<Course>) -> World {
    let mut environment = vec![(TAKE_MS, CUT.as_millis().to_string())];
    environment.extend(course.map(|course| (COURSE, course.word())));
    World::new(Setup {
        environment,
        ..Setup::default()
    })
    .await
}

/// All signals of ours that reach the connection from now on.
async fn words(connection: &Connection) -> MessageStream {
    let rule = MatchRule::builder().msg_type(Type::Signal).interface(INTERFACE);
    let rule = rule.build().unwrap();
    MessageStream::for_match_rule(rule, connection, None).await.unwrap()
}

/// Those that have come so far, and within a moment.
async fn heard(words: &mut MessageStream) -> Vec<Message> {
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut heard = Vec::new();
    let next = |words: &mut MessageStream| {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        std::pin::Pin::new(words).poll_next(&mut context)
    };
    while let std::task::Poll::Ready(Some(word)) = next(words) {
        heard.push(word.unwrap());
    }
    heard
}

/// One cut of `target`: the name it was to have, and the answer.
async fn take(connection: &Connection, target: &str) -> (String, Message) {
    let (ticket, name) = proxy(connection).await.prepare_snapshot(target).await.unwrap();
    let arguments = (ticket, BTreeMap::<&str, &str>::new());
    let call = connection.call_method(Some(BUS_NAME), OBJECT_PATH, Some(INTERFACE), "TakeSnapshot", &arguments);
    (name, call.await.unwrap())
}

#[tokio::test]
async fn the_word_comes_once_before_the_answer_and_to_nobody_else() {
    let world = world(Some(Course::MovesOn)).await;
    let (taker, other, bus) = (
        world.peer().await.unwrap(),
        world.peer().await.unwrap(),
        world.bus().await,
    );
    let (mut told, mut untold) = (words(&taker).await, [words(&other).await, words(&bus).await]);
    for _ in 0..3 {
        let (name, answer) = take(&taker, "main").await;
        let cut: Cut = answer.body().deserialize().unwrap();
        let heard = heard(&mut told).await;
        assert_eq!(heard.len(), 1, "{heard:?}");
        assert_eq!(heard[0].header().member().unwrap().as_str(), SIGNAL_CUT_MADE);
        let word: (String, u64) = heard[0].body().deserialize().unwrap();
        assert_eq!(word, (name, cut.createtxg + 1));
        assert!(heard[0].recv_position() < answer.recv_position());
    }
    for untold in &mut untold {
        assert!(heard(untold).await.is_empty());
    }
}

#[tokio::test]
async fn the_word_comes_when_the_group_moves_on() {
    let world = world(Some(Course::MovesOn)).await;
    let taker = world.peer().await.unwrap();
    let helper = proxy(&taker).await;
    let mut words = helper.receive_cut_made().await.unwrap();
    let (ticket, name) = helper.prepare_snapshot("main").await.unwrap();
    let started = Instant::now();
    let taking = helper.take_snapshot(&ticket, BTreeMap::new());
    let word = std::future::poll_fn(|context| std::pin::Pin::new(&mut words).poll_next(context));
    let early = async { (word.await.unwrap(), started.elapsed()) };
    let (cut, (word, after)) = tokio::join!(taking, early);
    let word = word.args().unwrap();
    assert_eq!((word.name(), *word.open_txg()), (&name, cut.unwrap().createtxg + 1));
    // It moves on half-way. A second later than at once, were the machine that busy, is still before the answer.
    assert!(after >= CUT / 2, "{after:?}");
    assert!(
        started.elapsed() > after + CUT / 6,
        "{after:?} of {:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn there_is_no_word_where_it_cannot_be_known() {
    let courses = [
        Course::Stays,
        Course::MovesOnLate,
        Course::Breaks,
        Course::Broken,
        Course::Hangs,
    ];
    for course in courses.map(Some).into_iter().chain([None]) {
        let world = world(course).await;
        let taker = world.peer().await.unwrap();
        let mut told = words(&taker).await;
        for _ in 0..2 {
            let started = Instant::now();
            take(&taker, "main").await;
            assert!(
                started.elapsed() < CUT + Duration::from_secs(2),
                "{course:?} held up the cut"
            );
        }
        let heard = heard(&mut told).await;
        assert!(heard.is_empty(), "{course:?}: {heard:?}");
    }
}

#[tokio::test]
async fn there_is_no_word_on_the_bus() {
    let world = world(Some(Course::MovesOn)).await;
    let (taker, peer) = (world.bus().await, world.peer().await.unwrap());
    let mut untold = [words(&taker).await, words(&peer).await];
    take(&taker, "main").await;
    let created = proxy(&peer).await.create_snapshot("other", BTreeMap::new()).await;
    created.unwrap();
    for untold in &mut untold {
        assert!(heard(untold).await.is_empty());
    }
}

/// Requests not yet answered are bounded for each connection; the word answers none.
#[tokio::test]
async fn the_word_makes_no_room_for_another_request() {
    let world = world(Some(Course::MovesOn)).await;
    let taker = world.peer().await.unwrap();
    for _ in 0..3 {
        take(&taker, "main").await;
    }
    world.polkit_says(Mood::Hang);
    world.asked();
    let call = || Message::method_call(OBJECT_PATH, "ListTargets").interface(INTERFACE);
    for _ in 0..8 {
        taker
            .send(&call().destination(BUS_NAME).build(&()).unwrap())
            .await
            .unwrap();
    }
    until("the questions", || world.polkit.asked.lock().unwrap().len() >= 4).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(world.asked().len(), 4);
}
