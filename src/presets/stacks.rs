//! Stacks: all the layers that a library really has, each at the scope where it stands.
//!
//! The text of a stack is the body of a policy. Within a stack each layer has a name of its own: that
//! of its preset, or its key. Versions are written out, so that a stack means the same for ever.

use super::Stack;

/// The table.
pub(super) const STACKS: &[Stack] = &[
    Stack {
        name: "crewai",
        version: "1",
        library: "crewai, one agent's task",
        looked_at: "1.15.30",
        source: "agent/core.py; llms/retry.py; openai 2.54.0",
        about: "SDK × rate-limit layer × re-runs of the task: 27 calls on a constant 429, 9 on a 500.",
        yaml: "\
task:
  - retry_budget: {next_retries: 2, per: agent}   # the count lives on the agent object and is never reset
  - retry: crewai-agent@1
llm:
  - retry: {preset: crewai-rate-limit@1, retry_after: ignore}   # the SDK's headers are of another type
  - retry: openai-python@2.54
  - timeout: 10m
",
    },
    Stack {
        name: "llama-index",
        version: "0.8",
        library: "llama-index-llms-openai",
        looked_at: "0.8.3",
        source: "llms/openai/base.py, utils.py",
        about: "max_retries=3 is used twice, as three calls outside and three retries inside: 12 calls, 4 where the model hangs.",
        yaml: "\
llm:
  - retry: llama-index@0.8
  - retry: {preset: openai-python@2.54, attempts: 4}
  - timeout: 60s
",
    },
    Stack {
        name: "litellm",
        version: "1",
        library: "litellm.acompletion(num_retries=2)",
        looked_at: "1.106.2",
        source: "main.py, utils.py; openai 2.54.0",
        about: "num_retries is given to the SDK and to its own layer: 1 + 2n calls, here 5.",
        yaml: "\
llm:
  - retry: litellm-completion@1
  - retry: {preset: openai-python@2.54, only_in_first_attempt: true}   # later calls tell the SDK not to retry
  - timeout: 100m
",
    },
    Stack {
        name: "langgraph",
        version: "1",
        library: "langgraph RetryPolicy() around with_retry()",
        looked_at: "1.2.22",
        source: "pregel/_retry.py; langchain-core runnables/retry.py; openai 2.54.0",
        about: "Node × with_retry × SDK, the first two opt-in: 27 calls.",
        yaml: "\
turn:
  - retry: langgraph@1
llm:
  - retry: langchain-with-retry@1
  - retry: openai-python@2.54
  - timeout: 10m
",
    },
    Stack {
        name: "langchain",
        version: "1",
        library: "langchain-core with_retry() around ChatOpenAI",
        looked_at: "1.7.2",
        source: "runnables/retry.py; openai 2.54.0",
        about: "with_retry × SDK: nine calls, of a 400 three.",
        yaml: "\
llm:
  - retry: langchain-with-retry@1
  - retry: openai-python@2.54
  - timeout: 10m
",
    },
    Stack {
        name: "langchain-agents",
        version: "1",
        library: "langchain create_agent with ModelRetryMiddleware()",
        looked_at: "1.4.7",
        source: "agents/middleware/_retry.py; openai 2.54.0",
        about: "Middleware (opt-in) × SDK: nine calls.",
        yaml: "\
llm:
  - retry: langchain-model-retry@1
  - retry: openai-python@2.54
  - timeout: 10m
",
    },
    Stack {
        name: "openai-agents",
        version: "0",
        library: "openai-agents",
        looked_at: "0.20.0",
        source: "models/retry.py",
        about: "The SDK's three calls; the runner's own retry is opt-in.",
        yaml: "\
llm:
  - retry: openai-python@2.54
  - timeout: 10m
",
    },
    Stack {
        name: "openai-agents-retry",
        version: "0",
        library: "openai-agents with runner retry (max_retries 3)",
        looked_at: "0.20.0",
        source: "models/retry.py",
        about: "The SDK retries within the runner's first call only: six calls.",
        yaml: "\
llm:
  - retry: openai-agents-runner@0
  - retry: {preset: openai-python@2.54, only_in_first_attempt: true}   # later calls tell the SDK not to retry
  - timeout: 10m
",
    },
    Stack {
        name: "pydantic-ai",
        version: "2",
        library: "pydantic-ai Agent",
        looked_at: "2.31.1",
        source: "agent/",
        about: "Two requests for an output that passes validation, or for a tool's call that does, each with the SDK's three calls.",
        yaml: "\
turn:
  - retry: pydantic-ai-output@2                # a tool's ModelRetry (`invalid`) goes back to the model too
llm:
  - retry: openai-python@2.54
  - timeout: 10m
",
    },
    Stack {
        name: "instructor",
        version: "1",
        library: "instructor",
        looked_at: "1.15.4",
        source: "core/retry.py",
        about: "Four requests for an answer that passes validation, each with the SDK's three calls.",
        yaml: "\
llm:
  - retry: instructor@1
  - retry: openai-python@2.54
  - timeout: 10m
",
    },
    Stack {
        name: "botocore-adaptive",
        version: "1.44",
        library: "botocore, retry mode adaptive",
        looked_at: "1.44.5",
        source: "retries/adaptive.py, quota.py, standard.py",
        about: "Standard retries, their quota, and a limiter that every call waits at once the first was throttled.",
        yaml: "\
tool:
  - retry_budget: botocore-quota@1.44
  - retry: botocore-standard-2026@1.44
  - rate_limit: botocore-adaptive-limiter@1
llm:
  - retry_budget: botocore-quota@1.44
  - retry: botocore-standard-2026@1.44
  - rate_limit: botocore-adaptive-limiter@1
",
    },
    Stack {
        name: "temporal",
        version: "1",
        library: "Temporal activities",
        looked_at: "server 6805caea59",
        source: "service/history/workflow/retry.go",
        about: "Each call an activity: any number of attempts of a minute each (start-to-close has no default: our minute).",
        yaml: "\
tool:
  - retry: temporal@1
  - timeout: 1m
llm:
  - retry: temporal@1
  - timeout: 1m
",
    },
];
