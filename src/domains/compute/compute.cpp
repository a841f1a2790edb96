#include "domains/compute/compute.hpp"

#include <boost/json.hpp>

#include "api/errors.hpp"
#include "base/crash_point.hpp"
#include "base/log.hpp"
#include "base/plain_text.hpp"
#include "domains/compute/machine_input.hpp"
#include "domains/compute/sql.gen.hpp"
#include "engine/events.hpp"
#include "engine/operations.hpp"
#include "engine/quota.hpp"
#include "pg/error.hpp"

namespace phx::compute {
namespace json = boost::json;
namespace {

/// Samples older than this tell nothing about now.
constexpr auto kSampleMax = std::chrono::minutes(5);
constexpr std::size_t kSamplesMax = 10'000;
constexpr std::size_t kDescriptionMax = 1'000;

std::string text(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

Result<Uuid> id_argument(const json::object& args) {
  const auto id = Uuid::parse(text(args, "id"));
  if (!id) return not_found("vm.not_found", "There is no such machine.").with_field("id");
  return *id;
}

}  // namespace

Compute::Compute(pg::Database& database, Hypervisor& hypervisor, const Clock& clock, ComputeSettings settings)
    : database_(database), hypervisor_(hypervisor), clock_(clock), settings_(std::move(settings)) {}

void Compute::add_change(api::Registry& registry, std::string name, Intent intent) {
  registry.mutation(std::move(name), [this, intent](api::MutationContext& context, json::object args) {
    const auto* force = args.if_contains("force");
    const bool forced = intent == Intent::kStop && force && force->is_bool() && force->get_bool();
    return change(context, forced ? Intent::kForceStop : intent, std::move(args));
  });
}

void Compute::register_with(api::Registry& registry, api::Router& router, api::TenantDirectory& tenants,
                            api::LiveConnections& live) {
  registry.mutation("createVirtualMachine", [this](api::MutationContext& context, json::object args) {
    return create(context, std::move(args));
  });
  add_change(registry, "startVirtualMachine", Intent::kStart);
  add_change(registry, "stopVirtualMachine", Intent::kStop);
  add_change(registry, "rebootVirtualMachine", Intent::kReboot);
  add_change(registry, "pauseVirtualMachine", Intent::kPause);
  add_change(registry, "resumeVirtualMachine", Intent::kResume);
  add_change(registry, "deleteVirtualMachine", Intent::kDelete);
  registry.mutation("importImage", [this](api::MutationContext& context, json::object args) {
    return import_image(context, std::move(args));
  });
  registry.query("unknownGuests", [this](api::QueryContext& context, json::object args) {
    return list_unknown(context, std::move(args));
  });
  registry.mutation("removeUnknownGuest", [this](api::MutationContext& context, json::object args) {
    return remove_unknown(context, std::move(args));
  });
  registry.mutation("deleteImage", [this](api::MutationContext& context, json::object args) {
    return delete_image(context, std::move(args));
  });
  registry.field("VirtualMachine.usage", {"id", "state"}, [this](api::FieldBatch& batch) { return usage(batch); });
  router.upgrade("/console/:id", api::Auth::kRequired,
                 [this, &tenants, &live](api::HttpCall call) { return console(std::move(call), tenants, live); });
}

asio::awaitable<Result<json::object>> Compute::create(api::MutationContext& context, json::object args) {
  const auto& request = context.request();
  if (!request.tenant)
    co_return invalid_argument("tenant.required", "", "A machine belongs to a tenant: choose one.")
        .with_next_action("Send the header X-Phoenix-Tenant.");
  const Uuid tenant = *request.tenant;
  PHX_CO_TRY(const MachineInput input, parse_machine_input(args.at("input").as_object()));
  auto& tx = context.tx();

  PHX_CO_TRY(const pg::Rows images, co_await tx.execute(sql::compute::image_by_name, pg::Params::of(input.image)));
  if (images.empty())
    co_return not_found("image.not_found", "There is no image of that name.").with_field("input.image");
  if (images.get<std::string_view>(0, "state") != "READY")
    co_return Error(Code::kFailedPrecondition, "image.not_ready", "This image has not been imported yet.")
        .with_field("input.image")
        .with_next_action("Wait for its import, or choose another image.");
  if (input.memory_mib < images.get<std::int32_t>(0, "min_memory_mib"))
    co_return invalid_argument("vm.bad_size", "input.memoryMib",
                               "This image needs at least " +
                                   std::to_string(images.get<std::int32_t>(0, "min_memory_mib")) + " MiB of memory.");
  if (input.disk_gib < images.get<std::int32_t>(0, "min_disk_gib"))
    co_return invalid_argument(
        "vm.bad_size", "input.diskGib",
        "This image needs a disk of at least " + std::to_string(images.get<std::int32_t>(0, "min_disk_gib")) + " GiB.");
  PHX_CO_TRY(const pg::Rows sites,
             co_await tx.execute(sql::compute::site_by_name, pg::Params::of(settings_.site_name)));
  if (sites.empty()) co_return internal_error("compute.no_site", "site '" + settings_.site_name + "' is missing");

  std::vector<engine::QuotaAmount> wanted{{std::string(engine::quota::kVcpus), input.vcpus, "input.vcpus"},
                                          {std::string(engine::quota::kMemoryMib), input.memory_mib, "input.memoryMib"},
                                          {std::string(engine::quota::kInstances), 1, "input"},
                                          {std::string(engine::quota::kStorageGib), input.disk_gib, "input.diskGib"}};
  PHX_CO_CHECK(co_await engine::reserve_quota(tx, tenant, std::move(wanted)));

  const Uuid id = context.ids().next();
  pg::Params row = pg::Params::of(id, tenant, input.name, images.get<Uuid>(0, "id"), sites.get<Uuid>(0, 0), input.vcpus,
                                  input.memory_mib, input.disk_gib, input.ssh_keys, input.user_data);
  row.add_json(json::serialize(port_forwards_json(input.port_forwards)));
  row.add(request.principal.actor());
  if (auto inserted = co_await tx.execute(sql::compute::machine_insert, std::move(row)); !inserted) {
    if (pg::violates(inserted.error(), "virtual_machines_image_id_fkey"))  // deleted meanwhile
      co_return not_found("image.not_found", "There is no image of that name.").with_field("input.image");
    if (pg::violates(inserted.error(), "virtual_machines_tenant_id_name_key"))
      co_return Error(Code::kAlreadyExists, "vm.name_taken", "The tenant has a machine of that name already.")
          .with_field("input.name")
          .with_next_action("Choose another name.");
    co_return inserted.error();
  }
  for (std::size_t i = 0; i < input.port_forwards.size(); ++i) {
    const auto& forward = input.port_forwards[i];
    auto port = pg::Params::of(sites.get<Uuid>(0, 0), to_string(forward.protocol), forward.host_port, tenant, id);
    if (auto taken = co_await tx.execute(sql::compute::host_port_insert, std::move(port)); !taken) {
      if (pg::violates(taken.error(), "host_ports_pkey"))
        co_return Error(Code::kConflict, "vm.port_taken", "This port of the host is taken.")
            .with_field("input.portForwards[" + std::to_string(i) + "].hostPort")
            .with_next_action("Choose another port.");
      co_return taken.error();
    }
  }

  engine::NewOperation operation;
  operation.id = context.ids().next();
  operation.tenant = tenant;
  operation.kind = "vm.create";
  operation.object_type = kMachineType;
  operation.object_id = id;
  operation.object_name = input.name;
  operation.first_step = "Waiting for a worker";
  operation.requested_by = request.principal.actor();
  operation.work_queue = kMachineQueue;
  operation.work_key = id.to_string();
  const Uuid operation_id = operation.id;
  PHX_CO_CHECK(co_await engine::create_operation(tx, std::move(operation)));
  engine::Work work{std::string(kMachineQueue), id.to_string(), tenant, {}, "{}"};
  PHX_CO_CHECK(co_await engine::enqueue(tx, std::move(work)));
  engine::Event event{std::string(kMachineType), id, tenant, engine::ChangeKind::kCreated, 1, {}};
  PHX_CO_CHECK(co_await context.record_event(std::move(event)));
  context.audit(std::string(kMachineType), id, nullptr, audit_json(input));
  co_return json::object{{"virtualMachine", id.to_string()}, {"operation", operation_id.to_string()}};
}

asio::awaitable<Result<json::object>> Compute::change(api::MutationContext& context, Intent intent, json::object args) {
  PHX_CO_TRY(const Uuid id, id_argument(args));
  PHX_CO_TRY(const Intended intended,
             co_await request_intent(context.tx(), context.ids(), id, intent, context.request().principal.actor()));
  context.audit(std::string(kMachineType), id,
                json::object{{"state", to_string(intended.state)}, {"desiredState", to_string(intended.before)}},
                json::object{{"desiredState", to_string(intended.after)}});
  co_return json::object{{"virtualMachine", id.to_string()}, {"operation", intended.operation.to_string()}};
}

asio::awaitable<Result<json::object>> Compute::import_image(api::MutationContext& context, json::object args) {
  if (context.request().tenant) co_return api::platform_scope_required();
  const auto& input = args.at("input").as_object();
  const std::string name = text(input, "name");
  PHX_CO_CHECK(check_machine_name(name, "input.name"));
  const std::string format_name = text(input, "format");
  if (format_name != "qcow2" && format_name != "raw")
    co_return invalid_argument("image.bad_format", "input.format", "qcow2 or raw.");
  const std::string file = text(input, "file");
  if (!is_import_file(file))
    co_return invalid_argument("image.bad_name", "input.file", "Give the plain name of a file in the import folder.");
  const std::string description = text(input, "description");
  if (description.size() > kDescriptionMax || !is_plain_text(description, Lines::kOne))
    co_return invalid_argument("image.bad_description", "input.description",
                               "One line of at most 1,000 bytes without control or invisible characters.");
  auto& tx = context.tx();
  auto row = pg::Params::of(context.ids().next(), name, description, format_name, file);
  PHX_CO_TRY(const pg::Rows rows, co_await tx.execute(sql::compute::image_import, std::move(row)));
  if (rows.empty())
    co_return Error(Code::kAlreadyExists, "image.name_taken", "There is an image of that name already.")
        .with_field("input.name")
        .with_next_action("Choose another name.");
  const Uuid id = rows.get<Uuid>(0, 0);

  engine::NewOperation operation;
  operation.id = context.ids().next();
  operation.kind = "image.import";
  operation.object_type = kImageType;
  operation.object_id = id;
  operation.object_name = name;
  operation.first_step = "Waiting for a worker";
  operation.requested_by = context.request().principal.actor();
  operation.work_queue = kImageQueue;
  operation.work_key = id.to_string();
  operation.time_allowed = std::chrono::hours(6);
  const Uuid operation_id = operation.id;
  PHX_CO_CHECK(co_await engine::create_operation(tx, std::move(operation)));
  PHX_CO_CHECK(co_await engine::enqueue(tx, {std::string(kImageQueue), id.to_string(), {}, {}, "{}"}));
  context.audit(std::string(kImageType), id, nullptr,
                json::object{{"name", name}, {"file", file}, {"format", format_name}});
  co_return json::object{{"image", id.to_string()}, {"operation", operation_id.to_string()}};
}

asio::awaitable<Result<json::object>> Compute::delete_image(api::MutationContext& context, json::object args) {
  if (context.request().tenant) co_return api::platform_scope_required();
  const auto id = Uuid::parse(text(args, "id"));
  auto& tx = context.tx();
  pg::Rows rows;
  if (id) { PHX_CO_TRY(rows, co_await tx.execute(sql::compute::image_lock, pg::Params::of(*id))); }
  if (rows.empty()) co_return not_found("image.not_found", "There is no such image.").with_field("id");
  if (!rows.get<bool>(0, "imported"))
    co_return Error(Code::kFailedPrecondition, "image.built_in", "This image comes with the server.").with_field("id");
  if (auto deleted = co_await tx.execute(sql::compute::image_delete, pg::Params::of(*id)); !deleted) {
    if (pg::violates(deleted.error(), "virtual_machines_image_id_fkey"))
      co_return Error(Code::kConflict, "image.in_use", "Machines have been made from this image.")
          .with_field("id")
          .with_next_action("Delete those machines first.");
    co_return deleted.error();
  }
  // Its files go, and an import on its way ends, in the worker's hands.
  PHX_CO_CHECK(co_await engine::enqueue(tx, {std::string(kImageQueue), id->to_string(), {}, {}, "{}"}));
  context.audit(std::string(kImageType), *id, json::object{{"name", rows.get<std::string>(0, "name")}}, nullptr);
  co_return json::object{{"id", id->to_string()}};
}

asio::awaitable<Result<json::value>> Compute::list_unknown(api::QueryContext& context, json::object) {
  PHX_CO_TRY(const auto unknown, co_await unknown_guests(context.database, pg::Scope::platform(), hypervisor_));
  std::vector<Uuid> tenants;
  for (const auto& guest : unknown) tenants.push_back(guest.tenant);
  PHX_CO_TRY(const pg::Rows rows,
             co_await context.database.read(pg::Scope::platform(), sql::compute::tenant_names, pg::Params::of(tenants),
                                            Deadline::after(std::chrono::seconds(10))));
  std::map<Uuid, std::string> names;
  for (const auto row : rows) names.emplace(row.get<Uuid>(0), row.get<std::string>(1));
  json::array out;
  for (const auto& guest : unknown) {
    json::object item{{"id", guest.id.to_string()},
                      {"name", guest.name},
                      {"tenantId", guest.tenant.to_string()},
                      {"tenantName", nullptr},
                      {"running", guest.has_process}};
    if (const auto name = names.find(guest.tenant); name != names.end()) item["tenantName"] = name->second;
    out.push_back(std::move(item));
  }
  co_return json::value(std::move(out));
}

asio::awaitable<Result<json::object>> Compute::remove_unknown(api::MutationContext& context, json::object args) {
  if (context.request().tenant) co_return api::platform_scope_required();
  const auto id = Uuid::parse(text(args, "id"));
  if (!id) co_return not_found("guest.absent", "There is no such guest on this host.").with_field("id");
  auto& tx = context.tx();
  PHX_CO_TRY(const pg::Rows known, co_await tx.execute(sql::compute::machine_exists, pg::Params::of(*id)));
  if (!known.empty())
    co_return Error(Code::kConflict, "guest.known", "This guest is a machine of a tenant.")
        .with_field("id")
        .with_next_action("Delete the machine instead.");
  engine::NewOperation operation;
  operation.id = context.ids().next();
  operation.kind = "guest.remove";
  operation.object_type = kUnknownType;
  operation.object_id = *id;
  operation.object_name = id->to_string();
  operation.first_step = "Waiting for a worker";
  operation.requested_by = context.request().principal.actor();
  operation.work_queue = kUnknownQueue;
  operation.work_key = id->to_string();
  const Uuid operation_id = operation.id;
  PHX_CO_CHECK(co_await engine::create_operation(tx, std::move(operation)));
  PHX_CO_CHECK(co_await engine::enqueue(tx, {std::string(kUnknownQueue), id->to_string(), {}, {}, "{}"}));
  context.audit(std::string(kUnknownType), *id, json::object{{"present", true}}, json::object{{"present", false}});
  co_return json::object{{"operation", operation_id.to_string()}};
}

asio::awaitable<Status> Compute::ensure_image(std::string name, std::string description, ImageFile image,
                                              UuidSource& ids) {
  auto row = pg::Params::of(ids.next(), name, description, to_string(image.format), image.sha256,
                            whole_mib(image.size_bytes), image.size_bytes, image.virtual_bytes, 96, 1, image.disk_path,
                            image.kernel_path, image.initrd_path);
  PHX_CO_TRY(const pg::Rows rows,
             co_await database_.execute(pg::Scope::worker(), sql::compute::image_upsert, std::move(row),
                                        Deadline::after(std::chrono::seconds(10))));
  if (rows.empty())
    co_return Error(Code::kAlreadyExists, "image.name_taken",
                    "An imported image is called '" + name + "' already; give the local one another name.");
  co_return Status();
}

asio::awaitable<Result<std::vector<json::value>>> Compute::usage(api::FieldBatch& batch) {
  std::vector<json::value> out;
  for (const auto& row : batch.rows) {
    const auto id = Uuid::parse(text(row, "id"));
    const auto state = machine_state(text(row, "state"));
    const bool has_process = state == MachineState::kRunning || state == MachineState::kPaused ||
                             state == MachineState::kDegraded || state == MachineState::kStopping;
    if (!id || !has_process) {
      out.emplace_back(nullptr);
      continue;
    }
    const auto used = co_await hypervisor_.usage(*id);
    if (!used) {  // it ended between the read and now, or the host cannot tell: nothing to show
      out.emplace_back(nullptr);
      continue;
    }
    const Duration now = clock_.monotonic();
    json::object item{{"cpuSeconds", used->cpu_seconds},
                      {"cpuLoad", nullptr},
                      {"memoryMib", static_cast<double>(used->resident_bytes) / (1 << 20)}};
    if (const auto last = samples_.find(*id); last != samples_.end() && now - last->second.at < kSampleMax) {
      const double span = std::chrono::duration<double>(now - last->second.at).count();
      if (span > 0.05 && used->cpu_seconds >= last->second.cpu_seconds)
        item["cpuLoad"] = (used->cpu_seconds - last->second.cpu_seconds) / span;
    }
    if (samples_.size() >= kSamplesMax) samples_.clear();
    samples_[*id] = {used->cpu_seconds, now};
    out.emplace_back(std::move(item));
  }
  co_return out;
}

}  // namespace phx::compute
