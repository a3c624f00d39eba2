#include "heart.h"

#include "callback.h"
#include "handle.h"

namespace rollcall {

void Heart::Start(Handle* handle, uint32_t every_ms, Napi::Function attend) {
  uv_loop_t* loop = nullptr;
  if (napi_get_uv_event_loop(handle->env, &loop) != napi_ok) return;
  auto* heart = new Heart();
  uv_timer_init(loop, &heart->timer_);
  heart->timer_.data = heart;
  heart->handle_ = handle;
  heart->handler_ = HandlerOfSigusr1();
  handle->heart = heart;
  napi_create_reference(handle->env, attend, 1, &heart->attend_);
  napi_add_async_cleanup_hook(handle->env, OnEnvironmentEnd, heart, &heart->hook_);
  handle->board.StartHeart(every_ms);
  uv_timer_start(&heart->timer_, OnTimer, every_ms, every_ms);
  uv_unref(reinterpret_cast<uv_handle_t*>(&heart->timer_));
}

void Heart::Stop(Handle* handle) noexcept {
  Heart* heart = handle->heart;
  if (heart == nullptr) return;
  handle->heart = nullptr;
  heart->handle_ = nullptr;
  napi_delete_reference(handle->env, heart->attend_);
  uv_close(reinterpret_cast<uv_handle_t*>(&heart->timer_), OnClosed);
}

void Heart::OnTimer(uv_timer_t* timer) {
  auto* heart = static_cast<Heart*>(timer->data);
  heart->left_open_ = heart->handle_->board.Beat() ? heart->left_open_ + 1 : 0;
  const SignalHandler handler = HandlerOfSigusr1();
  if (heart->left_open_ == 0 && handler == heart->handler_) return;
  heart->handler_ = handler;
  const napi_env env = heart->handle_->env;
  const Napi::HandleScope scope(env);
  napi_value argument;
  napi_create_uint32(env, heart->left_open_, &argument);
  CallBack(env, heart->attend_, {argument});  // which may stop this heart
}

void Heart::OnEnvironmentEnd(napi_async_cleanup_hook_handle, void* data) {
  auto* heart = static_cast<Heart*>(data);
  if (heart->handle_ != nullptr) Stop(heart->handle_);  // else it is being closed
}

void Heart::OnClosed(uv_handle_t* timer) {
  auto* heart = static_cast<Heart*>(timer->data);
  napi_remove_async_cleanup_hook(heart->hook_);
  delete heart;
}

Heart::SignalHandler Heart::HandlerOfSigusr1() {
  struct sigaction action;
  return sigaction(SIGUSR1, nullptr, &action) == 0 ? action.sa_handler : nullptr;
}

}  // namespace rollcall
