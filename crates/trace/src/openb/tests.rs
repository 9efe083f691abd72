//! What the reader accepts and how it refuses, on rows made up here.

use std::path::Path;

use super::*;

const HEADER: &str =
    "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time\n";

fn tasks(rows: &str) -> Read<Vec<Task>> {
    read_tasks(Path::new("t.csv"), format!("{HEADER}{rows}").as_bytes()).unwrap()
}

fn places(bad: &BadRows) -> Vec<(u64, usize, &'static str)> {
    bad.told.iter().map(|bad| (bad.line, bad.column, bad.field)).collect()
}

#[test]
fn tasks_are_read_with_missing_times_alternatives_and_shares_and_sorted_by_arrival() {
    let read = tasks("b,4000,8192,1,460,T4|P100|T4,BE,Pending,90,120,\na,8000,16384,0,0,,LS,Running,30,,30\n");
    assert!(read.bad.is_empty(), "{}", read.bad);
    let [a, b] = &read.value[..] else { panic!("{:?}", read.value) };
    assert_eq!((a.name.as_str(), a.arrival_ms, a.lifetime_ms, a.qos), ("a", 30_000, None, Qos::LatencySensitive));
    assert_eq!(
        (b.models.as_slice(), b.total_gpu_milli(), b.phase),
        (&["P100".to_owned(), "T4".to_owned()][..], 460, Phase::Pending)
    );
    assert_eq!(b.departure_ms(), Some(120_000));
}

#[test]
fn columns_are_found_by_name_in_any_order_and_strangers_are_passed_over() {
    let file = "creation_time,colour,gpu_milli,num_gpu,memory_mib,cpu_milli,name\r\n5,red,1000,8,1024,2000,x\r\n";
    let read = read_tasks(Path::new("t.csv"), file.as_bytes()).unwrap();
    assert!(read.bad.is_empty());
    let x = &read.value[0];
    assert_eq!((x.gpus, x.cpu_milli, x.qos, x.phase), (8, 2000, Qos::BestEffort, Phase::Unknown));
}

#[test]
fn every_bad_row_is_told_at_once_with_line_and_column_and_left_out() {
    let read = tasks(
        "ok,1000,1024,0,0,,LS,Running,1,2,1\n\
         a,many,1024,0,0,,LS,Running,1,2,1\n\
         b,1000,1024,2,500,,LS,Running,1,2,1\n\
         c,1000,1024,1,1000,,VIP,Running,7,2,1\n\
         ok,1000,1024,0,0,,LS,Running,1,2,1\n\
         short,1000\n\
         d,1000,,0,0,T4,LS,Running,,2,1\n",
    );
    assert_eq!(read.value.len(), 1);
    assert_eq!(
        places(&read.bad),
        [
            (3, 3, "cpu_milli"),
            (4, 15, "gpu_milli"),
            (5, 21, "qos"),
            (5, 35, "deletion_time"),
            (6, 1, "name"),
            (7, 1, ""),
            (8, 8, "memory_mib"),
            (8, 13, "gpu_spec"),
            (8, 27, "creation_time"),
        ]
    );
    assert_eq!((read.bad.rows, read.bad.fields), (6, 9));
}

#[test]
fn bad_rows_are_refused_unless_they_may_be_skipped_and_then_they_are_counted() {
    let rows = "ok,1,1,0,0,,LS,Running,1,2,1\nbad,x,1,0,0,,LS,Running,1,2,1\n";
    let refused = tasks(rows).accept(false).unwrap_err().to_string();
    assert!(refused.contains("ARG-0912") && refused.contains("t.csv:3:5: cpu_milli is 'x'"), "{refused}");
    assert!(refused.contains("--skip-bad-rows"), "{refused}");
    let (good, skipped) = tasks(rows).accept(true).unwrap();
    assert_eq!((good.len(), skipped), (1, 1));
}

#[test]
fn of_many_bad_rows_the_first_are_told_and_the_rest_counted() {
    let rows: String = (0..200).map(|n| format!("t{n},x,1,0,0,,LS,Running,1,2,1\n")).collect();
    let bad = tasks(&rows).bad;
    assert_eq!((bad.told.len(), bad.rows), (50, 200));
    assert!(bad.to_string().ends_with("and 150 more"));
}

#[test]
fn a_header_without_a_needed_column_is_refused_with_the_columns_there_must_be() {
    let error = read_nodes(Path::new("n.csv"), b"sn,cpu_milli,memory_mib\n").unwrap_err().to_string();
    assert!(error.contains("n.csv:1: the header lacks gpu, model"), "{error}");
}

#[test]
fn nodes_with_gpus_name_their_model() {
    let file = b"sn,cpu_milli,memory_mib,gpu,model\nn1,96000,393216,8,G2\nn2,32000,65536,0,\nn3,1,1,2,\n";
    let read = read_nodes(Path::new("n.csv"), file).unwrap();
    assert_eq!(read.value.len(), 2);
    assert_eq!(places(&read.bad), [(4, 10, "model")]);
}

#[test]
fn bytes_that_are_no_text_and_numbers_beyond_reason_are_bad_rows_and_no_crash() {
    let mut file = HEADER.as_bytes().to_vec();
    file.extend(b"\xff\xfe,1,1,0,0,,LS,Running,1,2,1\nx,99999999999999999999,1,0,0,,LS,Running,-1,2,1\n");
    let read = read_tasks(Path::new("t.csv"), &file).unwrap();
    assert_eq!((read.value.len(), read.bad.rows), (0, 2));
}
