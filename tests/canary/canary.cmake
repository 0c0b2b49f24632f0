# Planted bugs that the simulator must find; part of no server.
#
# Two kinds. torc_canary_test plants them in wrappers around the product. torc-canary-sim and torc-canary-unit are the
# simulator and the unit tests with copies of product sources in which plant.py has planted the bugs of canary/bugs, all of
# them, each behind a switch: the copies stand before the libraries on the link line, so that nothing takes the originals
# out of those.
add_executable(torc_canary_test canary/canary_test.cc canary/lying_disk.cc)
target_link_libraries(torc_canary_test PRIVATE torc_sim GTest::gtest_main)
torc_test_program(torc_canary_test)
torc_uninstrumented(torc_canary_test)
if(NOT TORC_SANITIZE)
  gtest_discover_tests(torc_canary_test TEST_PREFIX "canary/" PROPERTIES TIMEOUT 120 LABELS canary)
endif()

torc_cold(canary/canary_sim.cc canary/canary_unit.cc)

find_package(Python3 COMPONENTS Interpreter)
if(NOT Python3_FOUND)
  message(STATUS "no Python: the planted bugs of tests/canary/bugs are not built")
elseif(NOT TORC_SANITIZE)
  set(bug_dir ${CMAKE_CURRENT_SOURCE_DIR}/canary/bugs)
  set(planter ${CMAKE_CURRENT_SOURCE_DIR}/canary/plant.py)
  file(GLOB bug_files CONFIGURE_DEPENDS ${bug_dir}/*.bug)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${bug_files} ${planter})

  function(ask_planter out)
    execute_process(COMMAND ${Python3_EXECUTABLE} ${planter} ${ARGN} OUTPUT_VARIABLE lines ERROR_VARIABLE trouble
                    RESULT_VARIABLE result OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(NOT result EQUAL 0)
      message(FATAL_ERROR "${trouble}")
    endif()
    string(REPLACE "\n" ";" lines "${lines}")
    set(${out} "${lines}" PARENT_SCOPE)
  endfunction()

  ask_planter(planted_sources list ${bug_dir})
  set(planted_root ${CMAKE_CURRENT_BINARY_DIR}/canary)
  foreach(source ${planted_sources})
    add_custom_command(
      OUTPUT ${planted_root}/${source}
      COMMAND ${Python3_EXECUTABLE} ${planter} source ${bug_dir} ${PROJECT_SOURCE_DIR}/src ${source} ${planted_root}/${source}
      DEPENDS ${planter} ${bug_files} ${PROJECT_SOURCE_DIR}/src/${source})
    cmake_path(GET source PARENT_PATH folder)
    list(APPEND planted_folders ${folder})
    list(APPEND planted_copies_${folder} ${planted_root}/${source})
    list(APPEND planted_originals_${folder} ${PROJECT_SOURCE_DIR}/src/${source})
  endforeach()
  list(REMOVE_DUPLICATES planted_folders)
  add_custom_command(
    OUTPUT ${planted_root}/planted_bugs.cc
    COMMAND ${Python3_EXECUTABLE} ${planter} table ${bug_dir} ${planted_root}/planted_bugs.cc
    DEPENDS ${planter} ${bug_files})

  function(add_planted name)
    add_library(${name} OBJECT ${ARGN})
    target_include_directories(${name} PUBLIC canary)
    target_link_libraries(${name} PUBLIC torc_sim torc_mapreduce PkgConfig::xxhash Boost::headers)
    torc_precompiled(${name})
  endfunction()

  add_planted(torc_planted canary/planted.cc canary/child.cc ${planted_root}/planted_bugs.cc)
  set(planted_targets torc_planted)
  # Where several files are one object in the library, taking any of them out brings the originals of others along: of
  # such a folder every file is compiled here, so that nothing is taken out at all.
  foreach(folder ${planted_folders})
    set(sources ${planted_copies_${folder}})
    get_target_property(together torc_${folder} UNITY_BUILD)
    if(together)
      get_target_property(rest torc_${folder} SOURCES)
      list(REMOVE_ITEM rest ${planted_originals_${folder}})
      list(APPEND sources ${rest})
    endif()
    add_planted(torc_planted_${folder} ${sources})
    if(together)
      torc_compiled_together(torc_planted_${folder})
    endif()
    list(APPEND planted_targets torc_planted_${folder})
  endforeach()

  add_executable(torc-canary-sim canary/canary_sim.cc)
  target_link_libraries(torc-canary-sim PRIVATE ${planted_targets})

  # The unit tests as they are, over the copies.
  add_executable(torc-canary-unit canary/canary_unit.cc canary/small_worlds.cc $<TARGET_OBJECTS:torc_consensus_test>
                 $<TARGET_OBJECTS:torc_kv_test> $<TARGET_OBJECTS:torc_storage_test> $<TARGET_OBJECTS:torc_explore_test>
                 $<TARGET_OBJECTS:torc_node_test> $<TARGET_OBJECTS:torc_mapreduce_test>)
  target_link_libraries(torc-canary-unit PRIVATE ${planted_targets} torc_explore)
  torc_test_program(torc-canary-unit)

  foreach(finder sim unit)
    ask_planter(bug_names names ${bug_dir} ${finder})
    foreach(name ${bug_names})
      add_test(NAME canary/Canary.${name} COMMAND torc-canary-${finder} --bug ${name})
      list(APPEND canary_tests canary/Canary.${name})
    endforeach()
  endforeach()
  add_test(NAME canary/Plant COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_SOURCE_DIR}/canary/plant_test.py)
  add_test(NAME canary/Canary.control COMMAND torc-canary-sim --control --seeds 10)
  add_test(NAME canary/Canary.control_unit COMMAND torc-canary-unit --control)
  set_tests_properties(${canary_tests} canary/Plant canary/Canary.control canary/Canary.control_unit PROPERTIES LABELS canary TIMEOUT 300)
endif()
