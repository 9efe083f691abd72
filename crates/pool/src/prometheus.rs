//! Answers of Prometheus to instant queries: one number, or why there is none.

use serde::Deserialize;

/// Longest piece of an error that is passed on, in characters.
const MAX_ERROR: usize = 200;

/// Why an answer is no number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// Prometheus says what is wrong with the query.
    #[error("Prometheus refuses the query: {0}")]
    Refused(String),
    /// It is not what Prometheus answers.
    #[error("the answer is not Prometheus's: {0}")]
    Form(String),
    /// No series fits.
    #[error("no series fits the query")]
    Nothing,
    /// More than one does.
    #[error("{0} series fit the query; aggregate them to one")]
    Several(usize),
    /// A range, or text.
    #[error("the query gives a {0}, not a number")]
    Kind(String),
    /// It is no finite number.
    #[error("the query gives {0}")]
    NotANumber(String),
}

#[derive(Deserialize)]
struct Answer {
    status: String,
    #[serde(default)]
    error: String,
    data: Option<Data>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    result_type: String,
    result: serde_json::Value,
}

#[derive(Deserialize)]
struct Series {
    value: (f64, String),
}

/// The one number of an answer.
///
/// # Errors
/// What is there instead.
pub fn number(body: &[u8]) -> Result<f64, AnswerError> {
    let answer: Answer = serde_json::from_slice(body).map_err(|error| AnswerError::Form(error.to_string()))?;
    if answer.status != "success" {
        return Err(AnswerError::Refused(answer.error.chars().take(MAX_ERROR).collect()));
    }
    let data = answer.data.ok_or_else(|| AnswerError::Form("it has no data".to_owned()))?;
    let form = |error: serde_json::Error| AnswerError::Form(error.to_string());
    let text = match data.result_type.as_str() {
        "scalar" => serde_json::from_value::<(f64, String)>(data.result).map_err(form)?.1,
        "vector" => {
            let mut series: Vec<Series> = serde_json::from_value(data.result).map_err(form)?;
            match (series.pop(), series.len()) {
                (None, _) => return Err(AnswerError::Nothing),
                (Some(only), 0) => only.value.1,
                (Some(_), others) => return Err(AnswerError::Several(others + 1)),
            }
        }
        other => return Err(AnswerError::Kind(other.to_owned())),
    };
    let number: f64 = text.parse().map_err(|_| AnswerError::NotANumber(text.clone()))?;
    if number.is_finite() { Ok(number) } else { Err(AnswerError::NotANumber(text)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Prometheus 2.42 answered them; the two series of the last are written by hand, in its form.
    const RECORDED: [(&str, &str); 7] = [
        (
            "vector(85.5)",
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1795389630.319,"85.5"]}]}}"#,
        ),
        ("scalar(vector(3))", r#"{"status":"success","data":{"resultType":"scalar","result":[1795389630.354,"3"]}}"#),
        ("nothing_here", r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#),
        ("1/0", r#"{"status":"success","data":{"resultType":"scalar","result":[1795389630.466,"+Inf"]}}"#),
        ("0/0", r#"{"status":"success","data":{"resultType":"scalar","result":[1795389630.502,"NaN"]}}"#),
        (
            "sum(",
            r#"{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:5: parse error: unclosed left parenthesis"}"#,
        ),
        (
            "up",
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"up","instance":"a"},"value":[1795389630.3,"1"]},{"metric":{"__name__":"up","instance":"b"},"value":[1795389630.3,"0"]}]}}"#,
        ),
    ];

    #[test]
    fn an_answer_is_one_number_or_says_why_it_is_none() {
        let told: Vec<String> = RECORDED
            .iter()
            .map(|(_, body)| match number(body.as_bytes()) {
                Ok(number) => number.to_string(),
                Err(error) => error.to_string(),
            })
            .collect();
        assert_eq!(
            told,
            [
                "85.5",
                "3",
                "no series fits the query",
                "the query gives +Inf",
                "the query gives NaN",
                "Prometheus refuses the query: invalid parameter \"query\": 1:5: parse error: unclosed left parenthesis",
                "2 series fit the query; aggregate them to one",
            ]
        );
    }

    #[test]
    fn what_is_not_prometheus_s_is_no_number() {
        for body in [
            "",
            "<html>",
            "{}",
            r#"{"status":"success"}"#,
            r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#,
        ] {
            assert!(number(body.as_bytes()).is_err(), "{body}");
        }
    }
}
