@echo off
rem Trains a policy in the simulator and draws its curves, with nothing installed but
rem Go (or a flyball.exe that is in the PATH):
rem
rem   scripts\run_local.bat [--episodes 200] [any flag of flyball train]
rem
rem Files are looked for and written where it is called.
setlocal
set flyball=flyball
where flyball >nul 2>nul && goto arguments
where go >nul 2>nul || (echo run_local: needs flyball or go, https://go.dev/dl 1>&2 & exit /b 1)
set CGO_ENABLED=0
pushd "%~dp0\.."
if not exist bin mkdir bin
go build -trimpath -o bin\flyball.exe .\cmd\flyball || (popd & exit /b 1)
popd
set flyball="%~dp0\..\bin\flyball.exe"
:arguments
set arguments=%*
if "%~1"=="" set arguments=--episodes 2000
set out=flyball-training
:next
if "%~1"=="" goto train
if "%~1"=="--out" set out=%~2
shift
goto next
:train
%flyball% train %arguments% || exit /b 1
rem --env cartpole makes no model
if exist "%out%\model.flyball" %flyball% train --visualize "%out%\model.flyball" --trace shape:flash-crowd --out "%out%"
