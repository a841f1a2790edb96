# One function per kind of thing we build; a module is a folder under src/.
find_package(Threads REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(PostgreSQL REQUIRED)
find_package(spdlog REQUIRED)
find_package(fmt REQUIRED)
find_package(prometheus-cpp REQUIRED)
find_package(GTest REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(Python3 REQUIRED COMPONENTS Interpreter)
find_library(ARGON2_LIBRARY argon2 REQUIRED)
add_library(argon2 INTERFACE IMPORTED)
target_link_libraries(argon2 INTERFACE ${ARGON2_LIBRARY})

option(PHX_WERROR "Treat warnings in our own code as errors" ON)
set(PHX_SANITIZE "" CACHE STRING "Comma separated -fsanitize= list")

# Boost is used header-only for Asio, but compiled once (see boost_impl/): mixing modes would break the ODR,
# so every target takes these definitions from phx_boost.
add_library(phx_asio_impl STATIC ${CMAKE_SOURCE_DIR}/cmake/boost_impl/asio_impl.cpp)
add_library(phx_beast_impl STATIC ${CMAKE_SOURCE_DIR}/cmake/boost_impl/beast_impl.cpp)
add_library(phx_boost_flags INTERFACE)
target_compile_definitions(phx_boost_flags INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
  BOOST_ASIO_DISABLE_BOOST_COROUTINE SPDLOG_FMT_EXTERNAL
  # Coroutine frames then come from operator new: aligned_alloc() goes past malloc's per-thread cache.
  BOOST_ASIO_DISABLE_STD_ALIGNED_ALLOC BOOST_ASIO_DISABLE_BOOST_ALIGN)
target_compile_features(phx_boost_flags INTERFACE cxx_std_23)
add_library(phx_boost INTERFACE)
target_link_libraries(phx_boost INTERFACE phx_boost_flags phx_asio_impl Boost::json Threads::Threads)
add_library(phx_beast INTERFACE)
target_link_libraries(phx_beast INTERFACE phx_boost phx_beast_impl OpenSSL::SSL)
target_link_libraries(phx_asio_impl PUBLIC phx_boost_flags Threads::Threads)
target_link_libraries(phx_beast_impl PUBLIC phx_boost_flags OpenSSL::SSL Threads::Threads)

# Seconds that a test program may take; the sanitizers make it many times slower.
set(phx_unit_limit 300)
set(phx_pg_limit 600)
if(PHX_SANITIZE)
  set(phx_unit_limit 1200)
  set(phx_pg_limit 2400)
  add_compile_options(-fsanitize=${PHX_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${PHX_SANITIZE})
  add_compile_definitions(BOOST_ASIO_DISABLE_AWAITABLE_FRAME_RECYCLING)
endif()
add_link_options(-fuse-ld=lld-19)

function(phx_options target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wunused-result
    -Wimplicit-fallthrough -Wno-missing-field-initializers)
  if(PHX_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/src ${CMAKE_BINARY_DIR}/gen)
endfunction()

# phx_module(name DIR folder DEPS targets…)
# Library phx_<name> from src/<folder>/*.cpp. *_test.cpp become <name>_test (no I/O beyond temporary files),
# *_pgtest.cpp become <name>_pgtest (run against a private PostgreSQL started by the test main).
# *.sql files of the folder become <folder>/sql.gen.hpp, *.graphql files <folder>/sdl.gen.hpp, *.words files
# <folder>/words.gen.hpp.
function(phx_module name)
  cmake_parse_arguments(M "" "DIR" "DEPS" ${ARGN})
  set(root ${CMAKE_SOURCE_DIR}/src/${M_DIR})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${root}/*.cpp)
  file(GLOB_RECURSE sql CONFIGURE_DEPENDS ${root}/*.sql)
  file(GLOB_RECURSE sdl CONFIGURE_DEPENDS ${root}/*.graphql)
  file(GLOB_RECURSE words CONFIGURE_DEPENDS ${root}/*.words)
  set(tests ${sources})
  set(pgtests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  list(FILTER pgtests INCLUDE REGEX "_pgtest\\.cpp$")
  list(FILTER sources EXCLUDE REGEX "(_test|_pgtest|_main|_fuzz|/main)\\.cpp$")
  list(FILTER sources EXCLUDE REGEX "/testing/")
  set(gen ${CMAKE_BINARY_DIR}/gen/${M_DIR})
  if(sql)
    add_custom_command(OUTPUT ${gen}/sql.gen.hpp ${gen}/sql.gen.cpp
      COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tools/embed.py sql ${name} ${gen} ${sql}
      DEPENDS ${sql} ${CMAKE_SOURCE_DIR}/tools/embed.py VERBATIM)
    list(APPEND sources ${gen}/sql.gen.cpp ${gen}/sql.gen.hpp)
  endif()
  if(sdl)
    add_custom_command(OUTPUT ${gen}/sdl.gen.hpp ${gen}/sdl.gen.cpp
      COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tools/embed.py sdl ${name} ${gen} ${sdl}
      DEPENDS ${sdl} ${CMAKE_SOURCE_DIR}/tools/embed.py VERBATIM)
    list(APPEND sources ${gen}/sdl.gen.cpp ${gen}/sdl.gen.hpp)
  endif()
  if(words)
    add_custom_command(OUTPUT ${gen}/words.gen.hpp ${gen}/words.gen.cpp
      COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tools/embed.py words ${name} ${gen} ${words}
      DEPENDS ${words} ${CMAKE_SOURCE_DIR}/tools/embed.py VERBATIM)
    list(APPEND sources ${gen}/words.gen.cpp ${gen}/words.gen.hpp)
  endif()
  if(NOT sources)
    add_library(phx_${name} INTERFACE)
    target_link_libraries(phx_${name} INTERFACE ${M_DEPS})
    return()
  endif()
  add_library(phx_${name} STATIC ${sources})
  target_compile_definitions(phx_${name} PRIVATE PHOENIX_VERSION="${PROJECT_VERSION}")
  target_link_libraries(phx_${name} PUBLIC ${M_DEPS})
  target_include_directories(phx_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src ${CMAKE_BINARY_DIR}/gen)
  phx_options(phx_${name})
  if(tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE phx_${name} GTest::gmock GTest::gtest_main)
    phx_options(${name}_test)
    add_test(NAME ${name}_test COMMAND ${name}_test)
    set_tests_properties(${name}_test PROPERTIES TIMEOUT ${phx_unit_limit} LABELS unit)
  endif()
  if(pgtests)
    add_executable(${name}_pgtest ${pgtests})
    target_link_libraries(${name}_pgtest PRIVATE phx_${name} phx_pgtest_main GTest::gmock)
    target_compile_definitions(${name}_pgtest PRIVATE PHOENIX_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    phx_options(${name}_pgtest)
    add_test(NAME ${name}_pgtest COMMAND ${name}_pgtest)
    set_tests_properties(${name}_pgtest PROPERTIES TIMEOUT ${phx_pg_limit} LABELS pg)
  endif()
endfunction()

# migrations/NNN_subject.sql, embedded as phx::pg::kEmbeddedMigrations (pg/migrations.gen.hpp).
function(phx_embed_migrations target)
  file(GLOB files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/migrations/*.sql)
  set(gen ${CMAKE_BINARY_DIR}/gen/pg)
  add_custom_command(OUTPUT ${gen}/migrations.gen.hpp ${gen}/migrations.gen.cpp
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tools/embed.py migrations pg ${gen} ${files}
    DEPENDS ${files} ${CMAKE_SOURCE_DIR}/tools/embed.py VERBATIM)
  add_library(phx_migrations STATIC ${gen}/migrations.gen.cpp ${gen}/migrations.gen.hpp)
  target_include_directories(phx_migrations PUBLIC ${CMAKE_BINARY_DIR}/gen ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(phx_migrations PUBLIC phx_boost_flags)
  get_target_property(kind ${target} TYPE)
  if(kind STREQUAL "INTERFACE_LIBRARY")
    target_link_libraries(${target} INTERFACE phx_migrations)
  else()
    target_link_libraries(${target} PUBLIC phx_migrations)
  endif()
endfunction()

# Library with main() for the *_pgtest binaries: a private throw-away cluster, and a migrated database per test.
function(phx_pgtest_main)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/pg/testing/*.cpp)
  add_library(phx_pgtest_main STATIC ${sources})
  target_link_libraries(phx_pgtest_main PUBLIC phx_pg GTest::gtest)
  phx_options(phx_pgtest_main)
endfunction()
