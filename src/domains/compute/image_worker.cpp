#include "domains/compute/image_worker.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/crash_point.hpp"
#include "base/log.hpp"
#include "domains/compute/compute.hpp"
#include "domains/compute/machine_input.hpp"
#include "domains/compute/sql.gen.hpp"

namespace phx::compute {
namespace {

using engine::WorkResult;

constexpr auto kDatabaseLimit = std::chrono::seconds(10);
/// How often a copy on its way says how far it is, and asks whether it is still wanted.
constexpr Duration kTellEvery = std::chrono::milliseconds(500);
/// Several looks are needed when the wish changes while it is carried out.
constexpr int kRoundsMax = 4;

Deadline soon() { return Deadline::after(kDatabaseLimit); }

asio::awaitable<Status> tell(pg::Transaction& tx, const engine::Operation& operation, engine::OperationEvent event) {
  PHX_CO_CHECK(co_await engine::apply_operation_event(tx, operation.id, std::move(event)));
  co_return Status();
}

asio::awaitable<Status> set_state(pg::Transaction& tx, Uuid id, std::string state, std::optional<std::string> reason) {
  PHX_CO_CHECK(co_await tx.execute(sql::compute::image_set_state, pg::Params::of(id, state, reason)));
  co_return Status();
}

}  // namespace

void ImageWorker::work_with(engine::Worker& worker) {
  engine::QueueOptions options;
  options.concurrency = 1;
  options.backoff = {std::chrono::seconds(1), std::chrono::minutes(1)};
  worker.handle(
      std::string(kImageQueue), [this](engine::WorkContext context) { return work(std::move(context)); }, options);
}

asio::awaitable<Result<WorkResult>> ImageWorker::work(engine::WorkContext context) {
  PHX_CO_TRY(const Uuid id, Uuid::parse(context.work.key));
  for (int round = 0; round < kRoundsMax && context.lease->held(); ++round) {
    PHX_CO_TRY(Plan next, co_await plan(context, id));
    switch (next.kind) {
      case Plan::Kind::kNothing: co_return WorkResult::settled();
      case Plan::Kind::kRemoveFiles: co_return co_await remove_files(context, id);
      case Plan::Kind::kGiveUp: co_return co_await give_up(context, id, std::move(next.reason));
      case Plan::Kind::kImport: break;
    }
    const auto progress = [this, context, id](std::int64_t done, std::int64_t total) {
      return go_on(context, id, done, total);
    };
    auto imported = co_await hypervisor_.import_image(std::move(next.wanted), progress);
    if (imported) co_return co_await finish(context, id, std::move(*imported));
    // Somebody changed his mind, or another worker has it: what is stored tells.
    if (imported.error().reason() == "image.cancelled") continue;
    co_return co_await fail(context, id, std::move(imported).error());
  }
  co_return WorkResult::again(std::chrono::seconds(1), "more to do");
}

asio::awaitable<Result<ImageWorker::Plan>> ImageWorker::plan(engine::WorkContext context, Uuid id) {
  PHX_CO_TRY(auto tx, co_await database_.begin(pg::Scope::worker(), soon()));
  PHX_CO_TRY(const pg::Rows rows, co_await tx.execute(sql::compute::image_lock, pg::Params::of(id)));
  PHX_CO_TRY(const auto live, co_await engine::lock_live_operations(tx, std::string(kImageType), id));
  PHX_CO_CHECK(co_await engine::check_lease(tx, context.work));
  Plan out;
  if (rows.empty()) {
    out.kind = Plan::Kind::kRemoveFiles;
    co_return out;
  }
  const auto state = rows.get<std::string_view>(0, "state");
  if (state == "READY") {
    for (const auto& operation : live)
      PHX_CO_CHECK(co_await tell(tx, operation, engine::OperationCancelled{"The image has been imported already."}));
    PHX_CO_CHECK(co_await engine::complete(tx, context.work));
    PHX_CO_CHECK(co_await tx.commit());
    co_return out;
  }
  if (live.empty()) {
    if (state == "FAILED") {
      PHX_CO_CHECK(co_await engine::complete(tx, context.work));
      PHX_CO_CHECK(co_await tx.commit());
      co_return out;
    }
    out.kind = Plan::Kind::kGiveUp;
    out.reason = "The import did not finish in its time.";
    co_return out;
  }
  if (live.back().cancel_requested()) {
    out.kind = Plan::Kind::kGiveUp;
    out.reason = "The import was cancelled.";
    co_return out;
  }
  for (const auto& operation : live) {
    if (operation.id != live.back().id) {
      PHX_CO_CHECK(co_await tell(tx, operation, engine::OperationCancelled{"Overtaken by another import."}));
      continue;
    }
    PHX_CO_TRY(const auto started,
               co_await engine::apply_operation_event(tx, operation.id, engine::OperationStarted{}));
    if (engine::is_finished(started.state)) continue;  // its time was up; the next round sees that
    PHX_CO_CHECK(co_await tell(tx, started, engine::OperationProgressed{1, "looking at the file"}));
  }
  // One that failed is taken up again.
  if (state != "IMPORTING") PHX_CO_CHECK(co_await set_state(tx, id, "IMPORTING", std::nullopt));
  PHX_CO_CHECK(co_await tx.commit());
  out.kind = Plan::Kind::kImport;
  out.wanted.id = id;
  out.wanted.file = rows.get<std::string>(0, "source_file");
  out.wanted.format = rows.get<std::string_view>(0, "format") == "raw" ? ImageFormat::kRaw : ImageFormat::kQcow2;
  co_return out;
}

asio::awaitable<bool> ImageWorker::go_on(engine::WorkContext context, Uuid id, std::int64_t done, std::int64_t total) {
  if (!context.lease->held()) co_return false;
  if (done > 0 && clock_.monotonic() - told_at_ < kTellEvery) co_return true;
  told_at_ = clock_.monotonic();
  const auto wanted = co_await still_wanted(id, done, total);
  // A copy does not end because the database is away for a moment; the lease says when it has to.
  if (!wanted) log_error("image.progress_not_told", wanted.error(), {{"image", id.to_string()}});
  co_return wanted.value_or(true);
}

asio::awaitable<Result<bool>> ImageWorker::still_wanted(Uuid id, std::int64_t done, std::int64_t total) {
  PHX_CO_TRY(auto tx, co_await database_.begin(pg::Scope::worker(), soon()));
  PHX_CO_TRY(const auto live, co_await engine::lock_live_operations(tx, std::string(kImageType), id));
  if (live.empty() || live.back().cancel_requested()) co_return false;
  // One that was asked for anew meanwhile is taken up in the next round.
  if (live.back().state != engine::OperationState::kRunning) co_return false;
  const int percent = total > 0 ? static_cast<int>(5 + done * 90 / std::max(total, done)) : 5;
  auto step = fmt::format("copying: {} of {} MiB", done >> 20, whole_mib(total));
  PHX_CO_CHECK(co_await tell(tx, live.back(), engine::OperationProgressed{percent, std::move(step)}));
  PHX_CO_CHECK(co_await tx.commit());
  co_return true;
}

asio::awaitable<Result<WorkResult>> ImageWorker::finish(engine::WorkContext context, Uuid id, ImageFile file) {
  PHX_CO_TRY(auto tx, co_await database_.begin(pg::Scope::worker(), soon()));
  PHX_CO_TRY(const pg::Rows rows, co_await tx.execute(sql::compute::image_lock, pg::Params::of(id)));
  PHX_CO_TRY(const auto live, co_await engine::lock_live_operations(tx, std::string(kImageType), id));
  PHX_CO_CHECK(co_await engine::check_lease(tx, context.work));
  // Deleted, out of time or asked for anew meanwhile: decide on that.
  if (rows.empty() || live.empty() || live.back().state != engine::OperationState::kRunning)
    co_return WorkResult::again(Duration(0), "the wish has changed");
  const std::int64_t gib = (file.virtual_bytes + (std::int64_t{1} << 30) - 1) >> 30;
  PHX_CO_CHECK(co_await tx.execute(
      sql::compute::image_ready,
      pg::Params::of(id, file.sha256, whole_mib(file.size_bytes), file.size_bytes, file.virtual_bytes,
                     static_cast<std::int32_t>(std::max<std::int64_t>(gib, 1)), file.disk_path)));
  PHX_CO_CHECK(co_await tell(tx, live.back(), engine::OperationSucceeded{}));
  PHX_CO_CHECK(co_await engine::complete(tx, context.work));
  PHX_CRASH_POINT("compute.image.before_ready_commit");
  PHX_CO_CHECK(co_await tx.commit());
  PHX_CRASH_POINT("compute.image.after_ready_commit");
  co_return WorkResult::settled();
}

asio::awaitable<Result<WorkResult>> ImageWorker::fail(engine::WorkContext context, Uuid id, Error error) {
  const bool retry = code_info(error.code()).retryable;
  log_error("image.import_failed", error, {{"image", id.to_string()}, {"retry", retry}});
  if (!retry) PHX_CO_CHECK(co_await hypervisor_.remove_image(id));
  PHX_CRASH_POINT("compute.image.cleared");
  PHX_CO_TRY(auto tx, co_await database_.begin(pg::Scope::worker(), soon()));
  PHX_CO_TRY(const pg::Rows rows, co_await tx.execute(sql::compute::image_lock, pg::Params::of(id)));
  PHX_CO_TRY(const auto live, co_await engine::lock_live_operations(tx, std::string(kImageType), id));
  PHX_CO_CHECK(co_await engine::check_lease(tx, context.work));
  if (rows.empty() || live.empty() || live.back().state != engine::OperationState::kRunning)
    co_return WorkResult::again(Duration(0), "the wish has changed");
  if (retry) {
    engine::OperationWaiting waiting{clock_.now() + std::chrono::seconds(1), error.message(), error.next_action()};
    PHX_CO_CHECK(co_await tell(tx, live.back(), std::move(waiting)));
    PHX_CO_CHECK(co_await tx.commit());
    co_return WorkResult::again(std::nullopt, error.message());
  }
  PHX_CO_CHECK(co_await set_state(tx, id, "FAILED", error.message()));
  const std::string next =
      error.next_action().empty() ? "Mend the file, then retry the operation." : error.next_action();
  PHX_CO_CHECK(co_await tell(tx, live.back(), engine::OperationFailed{error.message(), next}));
  PHX_CO_CHECK(co_await engine::complete(tx, context.work));
  PHX_CO_CHECK(co_await tx.commit());
  co_return WorkResult::settled();
}

asio::awaitable<Result<WorkResult>> ImageWorker::give_up(engine::WorkContext context, Uuid id, std::string reason) {
  PHX_CO_CHECK(co_await hypervisor_.remove_image(id));
  PHX_CRASH_POINT("compute.image.given_up");
  PHX_CO_TRY(auto tx, co_await database_.begin(pg::Scope::worker(), soon()));
  PHX_CO_TRY(const pg::Rows rows, co_await tx.execute(sql::compute::image_lock, pg::Params::of(id)));
  PHX_CO_TRY(const auto live, co_await engine::lock_live_operations(tx, std::string(kImageType), id));
  PHX_CO_CHECK(co_await engine::check_lease(tx, context.work));
  // Asked for anew meanwhile.
  if (rows.empty() || (!live.empty() && !live.back().cancel_requested()))
    co_return WorkResult::again(Duration(0), "the wish has changed");
  PHX_CO_CHECK(co_await set_state(tx, id, "FAILED", reason));
  for (const auto& operation : live) PHX_CO_CHECK(co_await tell(tx, operation, engine::OperationCancelled{reason}));
  PHX_CO_CHECK(co_await engine::complete(tx, context.work));
  PHX_CO_CHECK(co_await tx.commit());
  co_return WorkResult::settled();
}

asio::awaitable<Result<WorkResult>> ImageWorker::remove_files(engine::WorkContext context, Uuid id) {
  PHX_CO_CHECK(co_await hypervisor_.remove_image(id));
  PHX_CRASH_POINT("compute.image.removed");
  PHX_CO_TRY(auto tx, co_await database_.begin(pg::Scope::worker(), soon()));
  PHX_CO_TRY(const auto live, co_await engine::lock_live_operations(tx, std::string(kImageType), id));
  for (const auto& operation : live)
    PHX_CO_CHECK(co_await tell(tx, operation, engine::OperationCancelled{"The image has been deleted."}));
  PHX_CO_CHECK(co_await engine::complete(tx, context.work));
  PHX_CO_CHECK(co_await tx.commit());
  co_return WorkResult::settled();
}

}  // namespace phx::compute
