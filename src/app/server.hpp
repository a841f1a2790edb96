#pragma once
/// The composition root: makes every part, top-down, and ties them together. Read serve() in server.cpp from top to
/// bottom to see what runs in a server and in which order it starts and stops.
///
/// On SIGTERM or SIGINT: not ready any more, requests in flight finish, workers stop at their next wait. Guests and the
/// embedded database go on; the next start adopts them. `phoenix down` ends those as well.

#include "app/settings.hpp"
#include "base/result.hpp"

namespace phx::app {

/// Runs until a signal. Errors are those of its parts; "serve.listen".
Status serve(const Settings& settings);

/// Ends server, guests and embedded database of a data folder, in that order. What was meant to run is started again
/// with the next serve().
Status take_down(const Settings& settings);

}  // namespace phx::app
