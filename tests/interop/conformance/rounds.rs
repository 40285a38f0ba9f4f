//! Tools that request input from the user before they respond, in the form of MCP 2026-07-28 (SEP-2322).

use rmcp::ErrorData;
use rmcp::model::{ClientCapabilities, InputRequiredResult, InputResponses};
use serde_json::{Value, json};

use crate::wire::{read, text};

/// The requests of a tool for input, round by round.
pub(crate) fn rounds(tool: &str) -> Vec<Value> {
    let name = || question("What is your name?", "name");
    let confirmation = || question("Please confirm", "ok");
    let roots = || json!({ "method": "roots/list", "params": {} });
    let sampling = |prompt| {
        json!({
            "method": "sampling/createMessage",
            "params": {
                "messages": [{ "role": "user", "content": text(prompt) }],
                "maxTokens": 100,
            },
        })
    };
    match tool {
        "test_streaming_elicitation" | "test_input_required_result_elicitation" => {
            vec![json!({ "user_name": name() })]
        }
        "test_input_required_result_sampling" => {
            vec![json!({ "capital_question": sampling("What is the capital of France?") })]
        }
        "test_input_required_result_list_roots" => vec![json!({ "client_roots": roots() })],
        "test_input_required_result_request_state"
        | "test_input_required_result_tampered_state" => {
            vec![json!({ "confirm": confirmation() })]
        }
        "test_input_required_result_multiple_inputs" => vec![json!({
            "user_name": name(),
            "greeting": sampling("Generate a greeting"),
            "client_roots": roots(),
        })],
        "test_input_required_result_multi_round" => vec![
            json!({ "step1": name() }),
            json!({ "step2": question("What is your favorite color?", "color") }),
        ],
        "test_input_required_result_capabilities" => vec![json!({
            "user_name": name(),
            "greeting": sampling("Generate a greeting"),
        })],
        _ => vec![],
    }
}

/// The requests of the next round, or `None` if all rounds are complete. The state is the number of the round. These
/// tools have no data to protect, but they refuse a state that they did not issue.
pub(crate) fn next_round(
    rounds: Vec<Value>,
    state: Option<&str>,
    answers: Option<InputResponses>,
    declared: Option<ClientCapabilities>,
) -> Result<Option<InputRequiredResult>, ErrorData> {
    let declared = declared.unwrap_or_default();
    let answers = answers.unwrap_or_default();
    let states: Vec<_> = (1..=rounds.len()).map(|n| format!("round-{n}")).collect();
    let asked = match state {
        None => 0,
        Some(state) => states
            .iter()
            .position(|known| known == state)
            .ok_or_else(|| ErrorData::invalid_params("Unknown requestState", None))?,
    };
    let answered = rounds[asked].as_object().is_some_and(|all| {
        all.keys()
            .all(|key| answers.get(key).is_some_and(Value::is_object))
    });
    let next = if answered { asked + 1 } else { asked };
    let Some(mut questions) = rounds.into_iter().nth(next) else {
        return Ok(None);
    };
    if let Some(questions) = questions.as_object_mut() {
        questions.retain(|_, question| match question["method"].as_str() {
            Some("elicitation/create") => declared.elicitation.is_some(),
            Some("sampling/createMessage") => declared.sampling.is_some(),
            _ => true,
        });
    }
    read(json!({
        "resultType": "input_required",
        "inputRequests": questions,
        "requestState": states[next],
    }))
    .map(Some)
}

pub(crate) fn question(message: &str, field: &str) -> Value {
    json!({
        "method": "elicitation/create",
        "params": {
            "message": message,
            "requestedSchema": {
                "type": "object",
                "properties": { field: { "type": "string" } },
                "required": [field],
            },
        },
    })
}
