// The one place where Beast's and Asio SSL's non-template code is compiled.
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
