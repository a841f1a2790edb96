#pragma once
/// The key under which bearer tokens are hashed, and from which the keys of second factors are made: 32 random bytes in
/// a file of the data folder that only we may read. It is not in the database, so that neither a dump nor a replica can
/// test tokens. Several servers on one database need the same file; losing it means that tokens must be made and second
/// factors set up again.
///
/// Synchronous: for start-up.
/// Errors: kFailedPrecondition "server_key.unsafe" (others may read it, or it is not ours or no regular file),
/// "server_key.malformed" (not 32 bytes); kUnavailable "server_key.unreadable", "server_key.unwritable".

#include <filesystem>
#include <string>

#include "base/result.hpp"

namespace phx {
class Random;
}

namespace phx::identity {

/// Reads the key; makes it first when there is no such file. Two that make it at once end with the same key.
Result<std::string> load_server_key(const std::filesystem::path& file, Random& random);

/// Whether the server that owns the folder could load its key. Makes and changes nothing; for `phoenix doctor`, which
/// may run as another account.
Status check_server_key(const std::filesystem::path& file);

}  // namespace phx::identity
