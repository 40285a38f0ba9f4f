//! A real `rmcp` server that records its calls.

use std::sync::{Arc, Mutex};

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CancelTaskParams,
    CompleteRequestParams, CompleteResult, CustomRequest, CustomResult, GetPromptRequestParams,
    GetPromptResponse, GetSkillRequestParams, GetSkillResult, GetTaskParams, GetTaskResult,
    ReadResourceDirectoryRequestParams, ReadResourceDirectoryResult, ReadResourceRequestParams,
    ReadResourceResponse, Reference, ServerCapabilities, ServerConfig, SubscribeRequestParams,
    SubscriptionFilter, UnsubscribeRequestParams, UpdateTaskParams,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler};

/// Records every call. Only calls of tools succeed.
#[derive(Clone, Default)]
pub(super) struct Recorder {
    ran: Arc<Mutex<Vec<String>>>,
}

pub(super) type RecorderService = StreamableHttpService<Recorder, LocalSessionManager>;

impl Recorder {
    /// A server without sessions, which answers with JSON.
    pub(super) fn service(&self) -> RecorderService {
        let config = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_json_response(true);
        self.service_with(config)
    }

    pub(super) fn service_with(&self, config: StreamableHttpServerConfig) -> RecorderService {
        let recorder = self.clone();
        let sessions = Arc::new(LocalSessionManager::default());
        StreamableHttpService::new(move || Ok(recorder.clone()), sessions, config)
    }

    /// The calls since the last call of this method.
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.ran.lock().unwrap())
    }

    fn note(&self, what: &str, name: &str) -> ErrorData {
        self.ran.lock().unwrap().push(format!("{what} {name}"));
        ErrorData::internal_error("it was noted", None)
    }
}

impl ServerHandler for Recorder {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_completions()
            .enable_prompts()
            .enable_resources()
            .enable_resources_subscribe()
            .enable_skills_with_directory_read()
            .enable_tasks()
            .enable_tools()
            .build();
        ServerConfig::new(capabilities)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        self.note("tool", &request.name);
        Ok(CallToolResult::success(Vec::new()).into())
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        Err(self.note("prompt", &request.name))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        Err(self.note("resource", &request.uri))
    }

    async fn read_resource_directory(
        &self,
        request: ReadResourceDirectoryRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceDirectoryResult, ErrorData> {
        Err(self.note("directory", &request.uri))
    }

    async fn get_skill(
        &self,
        request: GetSkillRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetSkillResult, ErrorData> {
        Err(self.note("skill", &request.uri))
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Err(self.note("subscribe", &request.uri))
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Err(self.note("unsubscribe", &request.uri))
    }

    fn accepted_subscription_filter(
        &self,
        filter: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        let uris = filter.resource_subscriptions.as_deref();
        self.note("listen", &uris.unwrap_or_default().join(" "));
        None
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        Err(match &request.r#ref {
            Reference::Prompt(prompt) => self.note("complete prompt", &prompt.name),
            Reference::Resource(resource) => self.note("complete resource", &resource.uri),
            _ => self.note("complete", "something new"),
        })
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        Err(self.note("task", &request.task_id))
    }

    async fn update_task(
        &self,
        request: UpdateTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Err(self.note("task", &request.task_id))
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Err(self.note("task", &request.task_id))
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        Err(self.note("custom", &request.method))
    }
}
