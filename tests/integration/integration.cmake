# torc_integration_test: real `torc serve` processes, found beside the test program.
# Left out where `torc` is instrumented: its timing is not the one the tests are about.
if(NOT TORC_SANITIZE)
  set(integration_dir ${CMAKE_CURRENT_SOURCE_DIR}/integration)
  file(GLOB integration_sources CONFIGURE_DEPENDS ${integration_dir}/*.cc)
  list(FILTER integration_sources EXCLUDE REGEX "_(preload|probe)\\.cc$")
  list(APPEND integration_sources ${integration_dir}/power_loss/roll_back.cc ${integration_dir}/power_loss/state.cc)
  add_executable(torc_integration_test ${integration_sources})
  target_include_directories(torc_integration_test PRIVATE ${integration_dir})
  target_link_libraries(torc_integration_test PRIVATE torc_client torc_check torc_base GTest::gtest_main)
  torc_test_program(torc_integration_test)
  if(TARGET torc)
    add_dependencies(torc_integration_test torc letter-lengths)
  endif()

  # Preloaded into nodes whose disk is to be full, unreadable, whose fsync is to fail or to hang, whose power is to be cut, whose
  # clock is to be wrong.
  foreach(fault bad_sector full_disk failing_sync slow_sync power_loss wrong_clock)
    add_library(torc_${fault}_preload MODULE ${integration_dir}/${fault}_preload.cc)
    target_link_libraries(torc_${fault}_preload PRIVATE ${CMAKE_DL_LIBS})
    set_target_properties(torc_${fault}_preload PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
    add_dependencies(torc_integration_test torc_${fault}_preload)
  endforeach()

  file(GLOB power_loss_sources CONFIGURE_DEPENDS ${integration_dir}/power_loss/*.cc)
  list(FILTER power_loss_sources EXCLUDE REGEX "roll_back\\.cc$")
  target_sources(torc_power_loss_preload PRIVATE ${power_loss_sources})
  target_include_directories(torc_power_loss_preload PRIVATE ${integration_dir})
  target_compile_options(torc_power_loss_preload PRIVATE -U_FORTIFY_SOURCE)  # it defines open() and its like itself
  add_executable(torc_power_loss_probe ${integration_dir}/power_loss_probe.cc)
  add_dependencies(torc_integration_test torc_power_loss_probe)

  # The npm clients are installed once per build directory, by the first test that asks for them.
  add_test(NAME integration/client_packages
           COMMAND ${integration_dir}/clients/install.sh ${CMAKE_BINARY_DIR}/clients)
  set_tests_properties(integration/client_packages PROPERTIES FIXTURES_SETUP client_packages LABELS integration TIMEOUT 300)

  # The same bytes to redis-server and to Torc, the same bytes back.
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  add_test(NAME integration/redis_differences
           COMMAND Python3::Interpreter ${integration_dir}/redis_differences.py $<TARGET_FILE:torc>)
  set_tests_properties(integration/redis_differences PROPERTIES LABELS integration RUN_SERIAL TRUE TIMEOUT 60)

  # One process per test, one at a time: they measure times and use both cores.
  gtest_discover_tests(torc_integration_test TEST_PREFIX "integration/" TEST_FILTER "-*NodeClients*:*RedisPy*" DISCOVERY_TIMEOUT 60
                       PROPERTIES LABELS integration RUN_SERIAL TRUE TIMEOUT 300)
  gtest_discover_tests(torc_integration_test TEST_PREFIX "integration/" TEST_FILTER "*NodeClients*:*RedisPy*" DISCOVERY_TIMEOUT 60
                       TEST_LIST npm_client_tests
                       PROPERTIES LABELS integration RUN_SERIAL TRUE TIMEOUT 300 FIXTURES_REQUIRED client_packages)
endif()
